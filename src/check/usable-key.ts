// Whose key is this, and may it be used now: steps four and five of a Check.
import type { Call } from '../kernel/call.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Soon } from '../kernel/soon.ts'
import { andThen } from '../kernel/soon.ts'
import type { KeyDirectory } from '../keys/key-directory.ts'
import type { SourceThrottle } from '../keys/source-throttle.ts'
import type { VirtualKey } from '../keys/virtual-key.ts'
import { keyStatus } from '../keys/virtual-key.ts'
import type { Registry } from '../policy/registry.ts'
import type { QuotaState } from '../quota/quota.ts'
import type { RefusalMemory } from '../quota/refusal-memory.ts'
import { denyInvalidKey } from './credential.ts'
import type { Deny } from './decision.ts'
import { deny, isDeny } from './decision.ts'

export type KnownKey = Readonly<{
  digest: Uint8Array
  key: VirtualKey
  registry: Registry
  /** Present when a quota refused this key a moment ago. */
  refusedLimits?: readonly QuotaState[]
}>

/** The key as the refusal memory or the cache holds it, else by one look-up; unknown keys are told what malformed ones are. */
export const findKey = (
  deps: { directory: KeyDirectory; refusals: RefusalMemory<KnownKey> },
  digest: Uint8Array,
  call: Call,
): Soon<KnownKey | Deny> => {
  const refusal = deps.refusals.recall(digest)
  if (refusal !== undefined) {
    call.cache = 'refused'
    const registry = deps.directory.registry() ?? refusal.subject.registry
    return { ...refusal.subject, registry, refusedLimits: refusal.limits }
  }
  return andThen(deps.directory.find(digest, call), ({ key, registry }) =>
    key === undefined ? denyInvalidKey('unknown') : { digest, key, registry },
  )
}

/** The same for an address, which gets no look-up while it asks for too many keys that nobody made. */
export const findKeyFor = (
  request: Readonly<{ source: string }>,
  deps: Parameters<typeof findKey>[0] & Readonly<{ throttle: SourceThrottle }>,
  digest: Uint8Array,
  call: Call,
): Soon<KnownKey | Deny> => {
  call.mayLookUp = !deps.throttle.isThrottled(request)
  return andThen(findKey(deps, digest, call), (known) => {
    // What is remembered as absent costs nothing.
    if (isDeny(known) && call.cache === 'miss') deps.throttle.missed(request.source)
    return known
  })
}

/** A refusal by status, which also makes the next request look again, at most once a second: but revoked is for ever. */
export const denyUnusable = (
  deps: { clock: Clock; directory: KeyDirectory },
  { digest, key }: KnownKey,
): Deny | undefined => {
  const status = keyStatus(key, deps.clock.now)
  if (status === 'usable') return undefined
  if (status === 'revoked') return { ...denyInvalidKey('revoked'), key }
  // Kept no longer: the next look-up finds nothing, as for a secret that never was.
  if (status === 'secret_ended') {
    deps.directory.dropRefused(digest)
    return { ...denyInvalidKey('its grace after a rotation has ended'), key }
  }
  deps.directory.dropRefused(digest)
  return deny(status, WORDS[status], { key })
}

const WORDS = {
  key_disabled: 'This API key is disabled.',
  owner_disabled: 'The owner of this API key is disabled.',
  key_expired: 'This API key has expired.',
  key_not_yet_valid: 'This API key is not valid yet.',
} as const
