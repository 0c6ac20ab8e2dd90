// The decision step by step, with the value that decided each, charging nothing.
import type { Call } from '../kernel/call.ts'
import type { Clock } from '../kernel/clock.ts'
import type { KeyDirectory } from '../keys/key-directory.ts'
import type { Secrets } from '../keys/secret.ts'
import { digestSecret } from '../keys/secret.ts'
import type { QuotaState } from '../quota/quota.ts'
import type { QuotaLedger } from '../quota/quota-ledger.ts'
import type { RefusalMemory } from '../quota/refusal-memory.ts'
import type { Admission } from './admission.ts'
import { admit } from './admission.ts'
import type { AuthRequest } from './auth-request.ts'
import { denyQuota, quotasToCharge } from './charge-quotas.ts'
import { denyInvalidKey } from './credential.ts'
import type { Deny, DenyReason, Listing } from './decision.ts'
import { isDeny } from './decision.ts'
import type { ShadowDeps } from './shadow.ts'
import { isShadowed } from './shadow.ts'
import type { KnownKey } from './usable-key.ts'
import { denyUnusable, findKey } from './usable-key.ts'

export type ExplainStep = Readonly<{
  step:
    | 'form'
    | 'key'
    | 'status'
    | 'path'
    | 'network'
    | 'hours'
    | 'model'
    | 'guardrails'
    | 'policy'
    | 'quota'
    | 'shadow'
  passed: boolean
  /** What decided, in words: names and numbers, never a secret. */
  value: string
}>

export type Explanation = Readonly<{
  steps: readonly ExplainStep[]
  /** What a Check would answer now: a listing counts as allow. */
  outcome: 'allow' | 'deny'
  denied: Deny | undefined
}>

export type ExplainQuestion = Readonly<{
  /** A secret, or the digest of one when only the key's id is known. */
  secret: string | Uint8Array
  method: string
  path: string
  model: string | undefined
  /** Where the request comes from, as Envoy would say it; undefined: unknown. */
  address: string | undefined
  /** What the Envoy route declares in context_extensions. */
  declaredGuardrails: readonly string[] | undefined
}>

export type Explain = (question: ExplainQuestion, call: Call) => Promise<Explanation>

type ExplainDeps = ShadowDeps &
  Readonly<{
    clock: Clock
    secrets: Secrets
    directory: KeyDirectory
    ledger: QuotaLedger
    refusals: RefusalMemory<KnownKey>
  }>

/** Runs the very functions of a Check, with a look at the quotas in place of the charge. Throws Failure when it cannot know. */
export const createExplain =
  (deps: ExplainDeps): Explain =>
  async ({ secret, ...question }, call) => {
    const steps: ExplainStep[] = []
    const pass = (step: ExplainStep['step'], value: string) => {
      steps.push({ step, passed: true, value })
    }
    const end = (step: ExplainStep['step'], denied: Deny): Explanation => {
      const value = `${denied.reason}: ${denied.detail ?? denied.message}`
      return { steps: [...steps, { step, passed: false, value }], outcome: 'deny', denied }
    }
    if (typeof secret === 'string') {
      if (!deps.secrets.recognise(secret))
        return end('form', denyInvalidKey('the form of the token is wrong'))
      pass('form', 'prefix, alphabet and checksum are right')
    }
    const known = await findKey(deps, typeof secret === 'string' ? digestSecret(secret) : secret, call)
    if (isDeny(known)) return end('key', known)
    pass('key', `${known.key.id} (${known.key.name}) of ${known.key.owners[0]?.path ?? 'nobody'}`)
    const unusable = denyUnusable(deps, known)
    if (unusable !== undefined) return end('status', unusable)
    pass('status', statusInWords(known))
    return await decide(deps, question, known, { steps, pass, end }, call)
  }

type Steps = Readonly<{
  steps: readonly ExplainStep[]
  pass: (step: ExplainStep['step'], value: string) => void
  end: (step: ExplainStep['step'], denied: Deny) => Explanation
}>

/** What follows once the key is known and usable. */
const decide = async (
  deps: ExplainDeps,
  question: Omit<ExplainQuestion, 'secret'>,
  known: KnownKey,
  { steps, pass, end }: Steps,
  call: Call,
): Promise<Explanation> => {
  // The address is the client's already, and a header is none.
  const admission = { ...deps, modelHeader: undefined, forwardedForDepth: 0 }
  const admitted = admit(asRequest(question), known, admission, (step, value) => pass(step, value()))
  if (isDeny(admitted)) return end(stepOf(admitted), admitted)
  pass('policy', policyInWords(admitted))
  const quota = await lookAtQuotas(deps, known, admitted, call)
  const { wouldDeny } = admitted
  if (typeof quota === 'string') pass('quota', quota)
  else return isShadowed(quota, known.key, deps) ? endInShadow(steps, quota) : end('quota', quota)
  return wouldDeny === undefined
    ? { steps, outcome: 'allow', denied: undefined }
    : endInShadow(steps, wouldDeny)
}

/** Answered Allow, and told of. */
const endInShadow = (steps: readonly ExplainStep[], wouldDeny: Deny): Explanation => {
  const value = `would be refused, but for shadow mode: ${wouldDeny.reason}: ${wouldDeny.detail ?? wouldDeny.message}`
  return { steps: [...steps, { step: 'shadow', passed: true, value }], outcome: 'allow', denied: undefined }
}

const STEPS: Partial<Record<DenyReason, ExplainStep['step']>> = {
  path_not_allowed: 'path',
  network_not_allowed: 'network',
  outside_hours: 'hours',
  model_not_allowed: 'model',
  model_required: 'model',
  request_malformed: 'model',
  model_conflict: 'model',
  policy_unresolved: 'guardrails',
}

/** The one that refused. */
const stepOf = ({ reason }: Deny): ExplainStep['step'] => STEPS[reason] ?? 'policy'

/** A Deny when the charge would be refused now, else the limits in words. */
const lookAtQuotas = async (
  { ledger, clock }: ExplainDeps,
  { key }: KnownKey,
  admitted: Admission | Listing,
  call: Call,
): Promise<Deny | string> => {
  if (admitted.outcome === 'listing' || !admitted.charged) return 'nothing is charged'
  const quotas = quotasToCharge(key)
  if (quotas.length === 0) return 'no limit applies'
  const limits = (await ledger.peek(quotas, call)).filter(({ quota }) => !quota.implicit)
  if (limits.some(({ remaining }) => remaining < 1)) return denyQuota(key, limits, clock.now())
  return limits.map(limitInWords).join('; ')
}

const asRequest = ({
  method,
  path,
  model,
  address,
  declaredGuardrails,
}: Omit<ExplainQuestion, 'secret'>): AuthRequest => ({
  id: '',
  startedAt: '',
  source: address ?? '',
  method,
  path,
  headers: new Map(),
  body: model === undefined ? new Uint8Array() : new TextEncoder().encode(JSON.stringify({ model })),
  bodyComplete: true,
  declaredGuardrails,
})

const statusInWords = ({ key: { expiresAtMs } }: KnownKey): string =>
  expiresAtMs === undefined ? 'usable, never expires' : `usable until ${new Date(expiresAtMs).toISOString()}`

const policyInWords = (admitted: Admission | Listing): string => {
  if (admitted.outcome === 'listing') return `answered by Latchkey with ${admitted.models.length} model names`
  return `policies ${admitted.requirements.policies.join(', ') || 'none'}`
}

const limitInWords = ({ quota, amount, used, remaining, resetsAtMs }: QuotaState): string => {
  const period = quota.period === 'total' ? 'in total' : `per ${quota.period} (${quota.zone})`
  const until = resetsAtMs === undefined ? '' : `, resets at ${new Date(resetsAtMs).toISOString()}`
  return `${quota.subject}: ${used} of ${amount} ${quota.unit} ${period}, ${remaining} left${until}`
}
