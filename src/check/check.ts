// The story of a Check: request to Decision, read top to bottom.
import type { Call } from '../kernel/call.ts'
import type { Clock } from '../kernel/clock.ts'
import { Failure } from '../kernel/failure.ts'
import type { Soon } from '../kernel/soon.ts'
import { andThen } from '../kernel/soon.ts'
import type { KeyDirectory } from '../keys/key-directory.ts'
import type { Secrets } from '../keys/secret.ts'
import { digestSecret } from '../keys/secret.ts'
import type { SourceThrottle } from '../keys/source-throttle.ts'
import type { FailOpen } from '../quota/fail-open.ts'
import type { QuotaLedger } from '../quota/quota-ledger.ts'
import type { RefusalMemory } from '../quota/refusal-memory.ts'
import type { RetryMemory } from '../quota/retry-memory.ts'
import type { Admission, AdmissionDeps } from './admission.ts'
import { admit } from './admission.ts'
import type { AuthRequest } from './auth-request.ts'
import { allow, chargeQuotas } from './charge-quotas.ts'
import { sourceOf } from './client-address.ts'
import { denyInvalidKey, findCredential } from './credential.ts'
import type { Allow, Decision, Deny } from './decision.ts'
import { deny, isDeny } from './decision.ts'
import type { ShadowDeps } from './shadow.ts'
import { isShadowed } from './shadow.ts'
import type { KnownKey } from './usable-key.ts'
import { denyUnusable, findKeyFor } from './usable-key.ts'

export type CheckDeps = AdmissionDeps &
  Readonly<{
    clock: Clock
    secrets: Secrets
    directory: KeyDirectory
    throttle: SourceThrottle
    ledger: QuotaLedger
    refusals: RefusalMemory<KnownKey>
    retries: RetryMemory
    failOpen: FailOpen
    /** Percent of a limit's amount from which on its users are told, or undefined. */
    softLimitPercent: number | undefined
    /** Lower-case header names in which a key may stand. */
    credentialHeaders: readonly string[]
  }>

/**
 * Decides one request, at once when all it needs is in memory; `undefined` stands for one that is not HTTP. Throws, or rejects with,
 * Failure when it cannot know.
 */
export type Check = (request: AuthRequest | undefined, call: Call) => Soon<Decision>

export const createCheck = (deps: CheckDeps): Check => {
  const decide = (request: AuthRequest, digest: Uint8Array, call: Call): Soon<Decision | 'stale'> =>
    andThen(findKeyFor(sourceOf(request, deps), deps, digest, call), (known) => {
      if (isDeny(known)) return known
      const unusable = denyUnusable(deps, known)
      if (unusable !== undefined) return unusable
      const admitted = admit(request, known, deps)
      if (admitted.outcome !== 'admitted') return admitted
      const charging = chargeQuotas(deps, request, known, admitted, call)
      return deps.shadowMode || known.key.shadow
        ? andThen(charging, (charged) => inShadow(deps, known, admitted, charged))
        : charging
    })

  /** What we held of the key was out of date where it mattered: look again and try once more. */
  const decideAgain = async (request: AuthRequest, digest: Uint8Array, call: Call): Promise<Decision> => {
    deps.directory.drop(digest)
    const decision = await decide(request, digest, call)
    if (decision === 'stale')
      throw new Failure('store_unavailable', 'the key changed faster than it could be read')
    return decision
  }

  return (request, call) => {
    if (request === undefined) return deny('request_malformed', 'Only HTTP requests can be checked.')
    const credential = findCredential(request, deps.credentialHeaders)
    if (isDeny(credential)) return credential
    if (!deps.secrets.recognise(credential.token)) return denyInvalidKey('the form of the token is wrong')
    const digest = digestSecret(credential.token)
    return andThen(decide(request, digest, call), (decision) =>
      decision === 'stale' ? decideAgain(request, digest, call) : decision,
    )
  }
}

/** A limit that would have refused has charged nothing. */
const inShadow = (
  shadow: ShadowDeps & Pick<CheckDeps, 'softLimitPercent'>,
  known: KnownKey,
  admitted: Admission,
  charged: Allow | Deny | 'stale',
): Allow | Deny | 'stale' => {
  if (charged === 'stale' || !isDeny(charged) || !isShadowed(charged, known.key, shadow)) return charged
  return allow(shadow, known, { ...admitted, wouldDeny: charged }, [])
}
