// Which client meets which case, and what must come of it.
import type { Refusal } from './refusals.ts'
import { STATUS_OF } from './refusals.ts'
import type { How } from './sdk-call.ts'
import type { SdkCase } from './sdk-cases.ts'
import { SDK_CASES } from './sdk-cases.ts'
import type { Api, SdkClient } from './sdk-clients.ts'
import { SDK_CLIENTS } from './sdk-clients.ts'

export type SdkTrial = Readonly<{ client: SdkClient; one: SdkCase; how: How }>

export const nameOf = ({ client, one, how }: SdkTrial): string =>
  `${client.sdk} ${client.client}${client.retries === 'by status' ? ' told to retry' : ''}, ${how}: ${one.name}`

const howsOf = ({ hows = ['whole'] }: SdkCase, { api }: SdkClient): readonly How[] =>
  hows.filter((how) => !LACKS[api].includes(how))

/** What an SDK has no method for, or Azure's deployments no path. */
const LACKS: Readonly<Record<Api, readonly How[]>> = {
  openai: ['tokens'],
  azure: ['tokens', 'models', 'model', 'response', 'response, streamed', 'files'],
  anthropic: ['embedding', 'response', 'response, streamed'],
  google: ['response', 'response, streamed'],
}

const concerns = ({ modelInBody, first }: SdkCase, { api, retries }: SdkClient): boolean =>
  (modelInBody === undefined || api === 'openai' || api === 'anthropic') &&
  // It looks at no Retry-After: whether it comes too early is chance.
  (first !== 'rate_limited' || retries !== 'by status')

export const SDK_TRIALS: readonly SdkTrial[] = SDK_CLIENTS.flatMap((client) =>
  SDK_CASES.filter((one) => concerns(one, client)).flatMap((one) =>
    howsOf(one, client).map((how) => ({ client, one, how })),
  ),
)

export type Expected = Readonly<{
  refusal: Refusal
  class: string | undefined
  status: number
  /** Our reason, where the SDK looks for a code. */
  code: string | null
  type: string | undefined
  /** Whether the SDK shows the decision's id as the request's. */
  tellsId: boolean
}>

/** Undefined: the answer arrives. */
export const expectedOf = ({ client, one }: SdkTrial): Expected | undefined => {
  const refusal = client.retries === 'never' ? (one.first ?? one.refusal) : one.refusal
  if (refusal === undefined) return undefined
  const status = STATUS_OF[refusal]
  const { api, classes } = client
  // What Envoy says for Latchkey is one body for all SDKs, and Anthropic's find no code in it.
  const ofEnvoy = refusal === 'latchkey_unavailable'
  return {
    refusal,
    class: classes[status],
    status,
    code: api === 'google' || (ofEnvoy && api === 'anthropic') ? null : refusal,
    type: ofEnvoy && api !== 'google' ? 'api_error' : typeOf(api, refusal, status),
    tellsId: !ofEnvoy && api !== 'google',
  }
}

/** Requests that Envoy must see. */
export const attemptsOf = ({ client: { retries }, one: { attempts, refusal } }: SdkTrial): number => {
  if (retries === 'never') return 1
  if (retries === 'when asked' || refusal === undefined) return attempts
  const status = STATUS_OF[refusal]
  return status === 429 || status >= 500 ? 2 : 1
}

const typeOf = (api: Api, refusal: Refusal, status: number): string | undefined => {
  if (api === 'anthropic') return refusal === 'overloaded' ? 'overloaded_error' : ANTHROPIC_TYPES[status]
  if (api === 'google') return GOOGLE_STATUSES[status]
  if (refusal === 'quota_exhausted') return 'insufficient_quota'
  if (refusal === 'rate_limited') return 'rate_limit_error'
  return status >= 500 ? 'server_error' : 'invalid_request_error'
}

const ANTHROPIC_TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  500: 'api_error',
  503: 'api_error',
}

const GOOGLE_STATUSES: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  413: 'INVALID_ARGUMENT',
  429: 'RESOURCE_EXHAUSTED',
  500: 'INTERNAL',
  503: 'UNAVAILABLE',
}
