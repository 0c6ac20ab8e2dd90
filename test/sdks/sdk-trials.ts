// Which client meets which case, and what must come of it.
import { REASONS } from '../../src/check/decision.ts'
import type { SdkCall } from './sdk-call.ts'
import type { SdkCase } from './sdk-cases.ts'
import { SDK_CASES } from './sdk-cases.ts'
import type { Api, SdkClient } from './sdk-clients.ts'
import { SDK_CLIENTS } from './sdk-clients.ts'

export type SdkTrial = Readonly<{ client: SdkClient; one: SdkCase; how: SdkCall['how'] }>

export const nameOf = ({ client, one, how }: SdkTrial): string =>
  `${client.sdk} ${client.client}${client.retries === 'by status' ? ' told to retry' : ''}, ${how}: ${one.name}`

const howsOf = ({ streams }: SdkCase): readonly SdkCall['how'][] =>
  streams === true ? ['whole', 'stream'] : ['whole']

const concerns = ({ modelInBody, first }: SdkCase, { api, retries }: SdkClient): boolean =>
  (modelInBody === undefined || api === 'openai' || api === 'anthropic') &&
  // It looks at no Retry-After: whether it comes too early is chance.
  (first !== 'rate_limited' || retries !== 'by status')

export const SDK_TRIALS: readonly SdkTrial[] = SDK_CLIENTS.flatMap((client) =>
  SDK_CASES.filter((one) => concerns(one, client)).flatMap((one) =>
    howsOf(one).map((how) => ({ client, one, how })),
  ),
)

export type Expected = Readonly<{
  class: string | undefined
  status: number | undefined
  code: string | undefined
  attempts: number
}>

export const expectedOf = ({ client, one }: SdkTrial): Expected => {
  const refusal = client.retries === 'never' ? (one.first ?? one.refusal) : one.refusal
  if (refusal === undefined)
    return { class: undefined, status: undefined, code: undefined, attempts: attemptsOf(client, one) }
  const status = refusal === 'latchkey_unavailable' ? 503 : REASONS[refusal].status
  return {
    class: client.classes[status],
    status,
    code: codeOf(client.api, refusal, status),
    attempts: attemptsOf(client, one, status),
  }
}

const attemptsOf = ({ retries }: SdkClient, { attempts }: SdkCase, status?: number): number => {
  if (retries === 'never') return 1
  if (retries === 'when asked' || status === undefined) return attempts
  return status === 429 || status >= 500 ? 2 : 1
}

/** Where an SDK shows the reason. */
const codeOf = (api: Api, refusal: string, status: number): string | undefined => {
  if (api === 'anthropic') return refusal === 'overloaded' ? 'overloaded_error' : ANTHROPIC_TYPES[status]
  return api === 'google' ? GOOGLE_STATUSES[status] : refusal
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
