// Decisions of every kind, one by one or generated.
import fc from 'fast-check'
import type { Allow, Decision, Deny, DenyReason, Listing } from '../../src/check/decision.ts'
import { deny, REASONS } from '../../src/check/decision.ts'
import { PERIODS } from '../../src/quota/quota.ts'
import { aKey, anOwner, aQuota, aState } from './virtual-keys.ts'

export const ALL_REASONS = Object.keys(REASONS) as readonly DenyReason[]

export const anAllow = (more: Partial<Allow> = {}): Allow => ({
  outcome: 'allow',
  key: aKey(),
  model: undefined,
  route: undefined,
  guardrails: [],
  policies: [],
  limits: [],
  near: [],
  failedOpen: false,
  wouldDeny: undefined,
  ...more,
})

export const aListing = (models: readonly string[]): Listing => ({ outcome: 'listing', key: aKey(), models })

const name = fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,30}$/)
const owner = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join('/'))
const model = fc.stringMatching(/^[!-+\--~]{1,256}$/)
const optional = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined })

const quotas = fc.array(
  fc
    .record({
      amount: fc.oneof(fc.nat(), fc.maxSafeNat()),
      period: fc.constantFrom(...PERIODS),
      subject: fc.oneof(fc.constant('key'), owner),
    })
    .map(aQuota),
  { maxLength: 3 },
)

const key = fc
  .record({ id: name, path: owner, quotas, above: quotas })
  .map(({ id, path, above, ...more }) =>
    aKey({ id: `key_${id}`, owners: [anOwner({ path, quotas: above })], ...more }),
  )

const limit = fc
  .record({
    amount: fc.nat(),
    remaining: fc.nat(),
    resetsAtMs: optional(fc.integer({ min: 0, max: 4_000_000_000_000 })),
    period: fc.constantFrom('minute' as const, 'day' as const, 'total' as const),
  })
  .map(({ period, ...state }) => aState({ ...state, quota: aQuota({ period }) }))

const limits = fc.array(limit, { maxLength: 3 })

export const arbitraryAllow: fc.Arbitrary<Allow> = fc
  .record({
    key,
    model: optional(model),
    route: optional(name),
    guardrails: fc.array(name, { maxLength: 4 }),
    policies: fc.array(
      name.map((policy) => `${policy}@1`),
      { maxLength: 4 },
    ),
    limits,
  })
  .map((parts) => anAllow(parts))

/** Messages of any characters at all: what a client wrote may stand in them. */
export const arbitraryDeny: fc.Arbitrary<Deny> = fc
  .record({
    reason: fc.constantFrom(...ALL_REASONS),
    message: fc.string({ unit: 'binary' }),
    key: optional(key),
    limits: optional(limits),
    retryAfterS: optional(fc.integer({ min: 1, max: 3_000_000 })),
  })
  .map(({ reason, message, ...more }) => {
    const present = Object.entries(more).filter(([, value]) => value !== undefined)
    return deny(reason, message, Object.fromEntries(present))
  })

const arbitraryListing: fc.Arbitrary<Listing> = fc
  .record({ key, models: fc.array(model, { maxLength: 20 }) })
  .map((parts) => ({ outcome: 'listing', ...parts }))

export const arbitraryRefusal: fc.Arbitrary<Deny | Listing> = fc.oneof(arbitraryDeny, arbitraryListing)

export const arbitraryDecision: fc.Arbitrary<Decision> = fc.oneof(
  { weight: 1, arbitrary: arbitraryAllow },
  { weight: 2, arbitrary: arbitraryRefusal },
)
