// What a client may meet, and how it is brought about: behind the real Latchkey, or by one that is scripted, or with none at all.
import type { Decision } from '../../src/check/decision.ts'
import { deny } from '../../src/check/decision.ts'
import { Failure } from '../../src/kernel/failure.ts'
import { NO_RULES } from '../../src/policy/policy.ts'
import type { Period } from '../../src/quota/quota.ts'
import type { EnvoyRig } from '../support/envoy-rig.ts'
import type { Refusal } from './refusals.ts'
import type { How } from './sdk-call.ts'

/** What differs from a good key that asks for a good model. */
export type Arranged = Readonly<{ secret?: string; model?: string; said?: string }>

/** By the real Latchkey, by a decision of the test's own in the real server, or by Envoy alone. */
export type SdkCase = Readonly<{
  name: string
  /** Undefined: the model answers. */
  refusal: Refusal | undefined
  /** Requests that Envoy sees when the SDK retries what it is asked to retry; where it is not asked, one. */
  attempts: number
  /** What an SDK that does not come back is left with, where another one gets its answer. */
  first?: Refusal
  /** A whole answer, unless told; of the rest each client is asked for what it has. */
  hows?: readonly How[]
  /** Only where the model stands in the body. */
  modelInBody?: true
}> &
  (
    | Readonly<{ by: 'latchkey'; arrange: (rig: EnvoyRig) => Promise<Arranged> }>
    | Readonly<{ by: 'script'; decide: Script }>
    | Readonly<{ by: 'nobody' }>
  )

/** A decision about the n-th request of a call; undefined: Allow. */
export type Script = (nth: number, sinceFirstMs: number) => Decision | undefined

const DAY_MS = 86_400_000
const HOW_LONG_S = 2

const withKey =
  (draft: Parameters<EnvoyRig['createKey']>[0], more: Arranged = {}) =>
  async (rig: EnvoyRig): Promise<Arranged> => ({ ...more, secret: (await rig.createKey(draft)).secret })

const spent = (period: Period) => withKey({ limits: [{ unit: 'requests', period, zone: 'UTC', amount: 0 }] })

const rateLimited = (retryAfterS: number): Decision =>
  deny('rate_limited', 'The limit of 60 requests per minute is reached.', { retryAfterS })

const fails =
  (error: () => Error): Script =>
  () => {
    throw error()
  }

/** `SDK_RETRIES` retries are what the SDKs of OpenAI and of Anthropic do of themselves. */
const SDK_RETRIES = 2
const once = 1
const again = once + SDK_RETRIES

const STREAMS_TOO: readonly How[] = ['whole', 'stream']

export const SDK_CASES: readonly SdkCase[] = [
  {
    name: 'an answer',
    hows: ['whole', 'stream', 'response', 'response, streamed', 'embedding', 'tokens'],
    refusal: undefined,
    attempts: once,
    by: 'latchkey',
    arrange: withKey({}),
  },
  {
    name: 'the models of a key whose quota is exhausted',
    hows: ['models', 'model'],
    refusal: undefined,
    attempts: once,
    by: 'latchkey',
    arrange: spent('month'),
  },
  {
    name: 'an unknown key',
    refusal: 'invalid_key',
    attempts: once,
    by: 'latchkey',
    arrange: async () => ({ secret: 'lk_000000000000000000000000000000000000' }),
  },
  {
    name: 'a revoked key',
    hows: STREAMS_TOO,
    refusal: 'invalid_key',
    attempts: once,
    by: 'latchkey',
    arrange: async (rig) => {
      const { id, secret } = await rig.createKey()
      await rig.app.store.keyBook.revokeKey(id)
      return { secret }
    },
  },
  {
    name: 'a key before its time',
    refusal: 'key_not_yet_valid',
    attempts: once,
    by: 'latchkey',
    arrange: (rig) => withKey({ notBeforeMs: Date.now() + DAY_MS })(rig),
  },
  {
    name: 'a disabled key',
    refusal: 'key_disabled',
    attempts: once,
    by: 'latchkey',
    arrange: async (rig) => {
      const { id, secret } = await rig.createKey()
      await rig.app.store.keyBook.setKeyDisabled(id, true)
      return { secret }
    },
  },
  {
    name: 'a model that the key may not use',
    hows: [...STREAMS_TOO, 'response', 'model'],
    refusal: 'model_not_allowed',
    attempts: once,
    by: 'latchkey',
    arrange: withKey({}, { model: 'unheard-of' }),
  },
  {
    name: 'what names no model, where there is a rule about models',
    hows: ['files'],
    refusal: 'path_not_allowed',
    attempts: once,
    by: 'latchkey',
    arrange: withKey({ rules: { ...NO_RULES, models: ['*'] } }),
  },
  {
    name: 'a model that is no name',
    refusal: 'request_malformed',
    attempts: once,
    modelInBody: true,
    by: 'latchkey',
    arrange: withKey({}, { model: 'a, b' }),
  },
  {
    name: 'a body too large for a rule about models',
    refusal: 'body_too_large',
    attempts: once,
    modelInBody: true,
    by: 'latchkey',
    arrange: withKey({}, { said: 'x'.repeat(1_100_000) }),
  },
  {
    // Without a Retry-After: one of a month would keep an SDK that comes back from coming back before the test is over.
    name: 'an exhausted quota',
    hows: STREAMS_TOO,
    refusal: 'quota_exhausted',
    attempts: once,
    by: 'latchkey',
    arrange: spent('total'),
  },
  {
    name: 'a guardrail that nobody runs',
    refusal: 'policy_unresolved',
    attempts: again,
    by: 'latchkey',
    arrange: withKey({ rules: { ...NO_RULES, guardrails: ['nobody-runs-it'] } }),
  },
  {
    name: 'a rate limit that stays',
    refusal: 'rate_limited',
    attempts: again,
    by: 'script',
    decide: () => rateLimited(1),
  },
  {
    // Whoever comes back before the time that he was told is refused once more, and is seen to have come three times.
    name: 'a rate limit that resets when Retry-After says',
    refusal: undefined,
    first: 'rate_limited',
    attempts: once + 1,
    by: 'script',
    decide: (nth, sinceFirstMs) =>
      nth === 1 || sinceFirstMs < HOW_LONG_S * 950 ? rateLimited(HOW_LONG_S) : undefined,
  },
  {
    name: 'a store that does not answer',
    hows: STREAMS_TOO,
    refusal: 'store_unavailable',
    attempts: again,
    by: 'script',
    decide: fails(() => new Failure('store_unavailable', 'the store is gone')),
  },
  {
    name: 'a store that answers the second time',
    hows: STREAMS_TOO,
    refusal: undefined,
    first: 'store_unavailable',
    attempts: once + 1,
    by: 'script',
    decide: (nth) => (nth === 1 ? fails(() => new Failure('store_unavailable', 'gone'))(nth, 0) : undefined),
  },
  {
    name: 'too many at once',
    refusal: 'overloaded',
    attempts: again,
    by: 'script',
    decide: fails(() => new Failure('overloaded', 'too many wait')),
  },
  {
    name: 'a bug of ours',
    refusal: 'internal_error',
    attempts: again,
    by: 'script',
    decide: fails(() => new Error('a bug')),
  },
  { name: 'no Latchkey', hows: STREAMS_TOO, refusal: 'latchkey_unavailable', attempts: again, by: 'nobody' },
]
