// The only step that writes, therefore the last that can refuse: charge every limit of the key and its owners, all or none.
import { hash } from 'node:crypto'
import type { Call } from '../kernel/call.ts'
import { assertAwaited } from '../kernel/call.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Soon } from '../kernel/soon.ts'
import type { KeyDirectory } from '../keys/key-directory.ts'
import type { Owner, VirtualKey } from '../keys/virtual-key.ts'
import type { FailOpen } from '../quota/fail-open.ts'
import type { Quota, QuotaState } from '../quota/quota.ts'
import type { QuotaLedger } from '../quota/quota-ledger.ts'
import type { RefusalMemory } from '../quota/refusal-memory.ts'
import type { ClaimableOutcome, RetryMemory } from '../quota/retry-memory.ts'
import { nearLimits } from '../quota/soft-limit.ts'
import type { Admission } from './admission.ts'
import type { AuthRequest } from './auth-request.ts'
import type { Allow, Deny } from './decision.ts'
import { deny } from './decision.ts'
import type { KnownKey } from './usable-key.ts'

type ChargeDeps = Readonly<{
  clock: Clock
  directory: KeyDirectory
  ledger: QuotaLedger
  refusals: RefusalMemory<KnownKey>
  retries: RetryMemory
  failOpen: FailOpen
  /** Percent of a limit's amount from which on its users are told, or undefined. */
  softLimitPercent: number | undefined
}>

const UNITS_PER_REQUEST = 1

/** An Allow once everything is charged, a Deny that changed nothing, or `stale`: look the key up again. */
export const chargeQuotas = (
  deps: ChargeDeps,
  request: AuthRequest,
  known: KnownKey,
  admission: Admission,
  call: Call,
): Soon<Allow | Deny | 'stale'> => {
  const quotas = admission.charged ? quotasToCharge(known.key) : NO_QUOTAS
  if (quotas.length === 0) return allow(deps, known, admission, NO_STATES)
  if (known.refusedLimits !== undefined) return denyQuota(known.key, known.refusedLimits, deps.clock.now())
  return chargeAll(deps, { request, known, admission, quotas }, call)
}

const NO_QUOTAS: readonly Quota[] = []
const NO_STATES: readonly QuotaState[] = []

type Admitted = Readonly<{
  request: AuthRequest
  known: KnownKey
  admission: Admission
  quotas: readonly Quota[]
}>

const chargeAll = (
  deps: ChargeDeps,
  { request, known, admission, quotas }: Admitted,
  call: Call,
): Promise<Allow | Deny | 'stale'> => {
  const charge = () => deps.ledger.charge(quotas, UNITS_PER_REQUEST, call)
  const recall = () => deps.ledger.peek(quotas, call)
  const charging = deps.retries.charge(identityOf(request, known, admission), charge, recall)
  return orFailOpen(deps, known.key, quotas, charging).then((charged) =>
    answerOf(deps, charged, known, admission, call),
  )
}

const answerOf = (
  deps: ChargeDeps,
  charged: ClaimableOutcome | 'open',
  known: KnownKey,
  admission: Admission,
  call: Call,
): Allow | Deny | 'stale' => {
  if (charged === 'open') {
    assertAwaited(call, deps.clock)
    return { ...allow(deps, known, admission, []), failedOpen: true }
  }
  const { outcome, claim } = charged
  if (outcome.outcome === 'stale') return 'stale'
  if (outcome.outcome === 'exhausted') return refuse(deps, known, outcome.states)
  // Nobody may be waiting any more; then the unit stays for a retry, and is never passed on.
  assertAwaited(call, deps.clock)
  claim()
  return allow(deps, known, admission, outcome.states)
}

const orFailOpen = (
  { failOpen }: ChargeDeps,
  { id, failMode }: VirtualKey,
  quotas: readonly Quota[],
  charging: Promise<ClaimableOutcome>,
): Promise<ClaimableOutcome | 'open'> => {
  if (failMode === 'closed') return charging
  const debt = { keyId: id, quotas, units: UNITS_PER_REQUEST }
  return failOpen.orOpen(charging, debt, ({ outcome, claim }) => {
    // Used already, by the request that did not wait for it.
    claim()
    return outcome.outcome === 'charged'
  })
}

/** Nothing when no limit stands above the key. Else the key's own row is among them, so that its usability is tested in the charge. */
export const quotasToCharge = (key: VirtualKey): readonly Quota[] => {
  if (key.quotas.length === 0 && key.owners.every(isUnlimited)) return NO_QUOTAS
  const held = memo.get(key)
  if (held !== undefined) return held
  const ofOwners = key.owners.flatMap((owner) => owner.quotas)
  const quotas = [...(key.quotas.length > 0 ? key.quotas : [key.usabilityQuota]), ...ofOwners]
  memo.set(key, quotas)
  return quotas
}

const isUnlimited = ({ quotas }: Owner): boolean => quotas.length === 0

/** Put together once for a key, not for each request. */
const memo = new WeakMap<VirtualKey, readonly Quota[]>()

export const allow = (
  { softLimitPercent }: Pick<ChargeDeps, 'softLimitPercent'>,
  { key }: KnownKey,
  { requirements, model, route, wouldDeny }: Admission,
  states: readonly QuotaState[],
): Allow => ({
  outcome: 'allow',
  key,
  model,
  route,
  guardrails: requirements.guardrails,
  policies: requirements.policies,
  limits: states.some(isImplicit) ? states.filter((state) => !isImplicit(state)) : states,
  near: nearLimits(states, softLimitPercent),
  failedOpen: false,
  wouldDeny,
})

const isImplicit = ({ quota }: QuotaState): boolean => quota.implicit

const refuse = (deps: ChargeDeps, known: KnownKey, states: readonly QuotaState[]): Deny => {
  const limits = states.filter((state) => !isImplicit(state))
  deps.refusals.remember(known.digest, { subject: known, limits }, UNITS_PER_REQUEST)
  deps.directory.dropRefused(known.digest)
  return denyQuota(known.key, limits, deps.clock.now())
}

/** Of several exhausted limits the one that resets last is named. */
export const denyQuota = (key: VirtualKey, limits: readonly QuotaState[], nowMs: number): Deny => {
  const [last] = exhaustedLimits(limits).toSorted(
    (a, b) => (b.resetsAtMs ?? Infinity) - (a.resetsAtMs ?? Infinity),
  )
  if (last === undefined) throw new Error('a quota refused although none is exhausted')
  const { quota, amount, resetsAtMs } = last
  const whose = quota.subject === 'key' ? 'this API key' : `owner ${quota.subject}`
  const per = quota.period === 'total' ? 'in total' : `per ${quota.period}`
  const until =
    resetsAtMs === undefined ? 'it does not reset' : `it resets at ${new Date(resetsAtMs).toISOString()}`
  const message = `The limit of ${amount} ${quota.unit} ${per} of ${whose} is exhausted; ${until}.`
  return deny(quota.period === 'minute' ? 'rate_limited' : 'quota_exhausted', message, {
    key,
    limits,
    ...(resetsAtMs === undefined ? {} : { retryAfterS: Math.max(1, Math.ceil((resetsAtMs - nowMs) / 1000)) }),
  })
}

/** Those that have no room for another request. */
export const exhaustedLimits = (limits: readonly QuotaState[]): readonly QuotaState[] =>
  limits.filter(({ remaining }) => remaining < UNITS_PER_REQUEST)

/**
 * A retry is the same request only with the same caller, method, path, model and body. Without an id nothing is known to be a
 * retry: undefined.
 */
const identityOf = (
  { id, startedAt, method, path, body }: AuthRequest,
  { digest }: KnownKey,
  { model }: Admission,
): string | undefined => {
  if (id === '' || startedAt === '') return undefined
  const words = named(id) + named(startedAt) + named(method) + named(path) + named(model ?? '')
  return hash('sha256', Buffer.concat([Buffer.from(words), digest, body]), 'binary')
}

/** Nothing that a word holds can be taken for the next one. */
const named = (word: string): string => `${word.length}:${word}`
