// Asks a running Latchkey over gRPC, as Envoy would, and reads the answer as Envoy would.
import type { ServiceError } from '@grpc/grpc-js'
import { credentials, Metadata } from '@grpc/grpc-js'
import type { CheckRequest, CheckResponse } from '../../src/grpc/gen/envoy/service/auth/v3/external_auth.ts'
import { AuthorizationClient } from '../../src/grpc/gen/envoy/service/auth/v3/external_auth.ts'

export type CheckClient = Readonly<{
  check(request: CheckRequest, options?: { timeoutMs?: number }): Promise<CheckResponse>
  close(): void
}>

/** `address` is `unix:PATH` or `host:port`; plaintext. */
export const createCheckClient = (address: string): CheckClient => {
  const client = new AuthorizationClient(address, credentials.createInsecure())
  return {
    check: (request, { timeoutMs = 10_000 } = {}) =>
      new Promise((resolve, reject) => {
        const options = { deadline: performance.timeOrigin + performance.now() + timeoutMs }
        client.check(request, new Metadata(), options, (error: ServiceError | null, response) =>
          error === null && response !== undefined
            ? resolve(response)
            : reject(error ?? new Error('no response')),
        )
      }),
    close: () => client.close(),
  }
}

export type AnswerSummary = Readonly<{ allowed: boolean; httpStatus: number; reason: string; body: string }>

/** What the client of Envoy would get: 200 when allowed, else the denied response's status, reason and body. */
export const summarise = ({ status, httpResponse }: CheckResponse): AnswerSummary => {
  if (status === undefined || status.code === 0)
    return { allowed: true, httpStatus: 200, reason: 'allow', body: '' }
  if (httpResponse?.$case !== 'deniedResponse')
    return { allowed: false, httpStatus: 403, reason: '', body: '' }
  const { status: httpStatus, body } = httpResponse.value
  return { allowed: false, httpStatus: Number(httpStatus?.code ?? 403), reason: reasonOf(body), body }
}

const reasonOf = (body: string): string => {
  try {
    const { error } = JSON.parse(body) as { error?: { code?: string; type?: string } }
    return error?.code ?? error?.type ?? ''
  } catch {
    return ''
  }
}
