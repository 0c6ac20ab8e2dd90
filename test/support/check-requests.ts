// CheckRequests as Envoy sends them with encode_raw_headers.
import { randomUUID } from 'node:crypto'
import { CheckRequest } from '../../src/grpc/gen/envoy/service/auth/v3/external_auth.ts'

export type RequestParts = Readonly<{
  id?: string
  method?: string
  path?: string
  headers?: readonly (readonly [string, string | Buffer])[]
  body?: string | Buffer
  /** Address of the connection. */
  source?: string
  /** Envoy cut the body and says so. */
  cut?: boolean
  contextExtensions?: Readonly<Record<string, string>>
  /** Fill the map, repeated lines joined with a comma, in place of the lines. */
  asMap?: boolean
}>

/** A request of its own identity: POST /v1/chat/completions, unless it says otherwise. */
export const aCheckRequest = (parts: RequestParts = {}): CheckRequest => {
  const {
    id = randomUUID(),
    method = 'POST',
    path = '/v1/chat/completions',
    body = '',
    asMap = false,
  } = parts
  const lines = [
    ...(parts.headers ?? []),
    ...(parts.cut ? [['x-envoy-auth-partial-body', 'true'] as const] : []),
  ]
  const headers = lines.map(([key, value]) => ({ key, value: '', rawValue: Buffer.from(value) }))
  const joined = new Map<string, string>()
  for (const [key, value] of lines)
    joined.set(key, [joined.get(key), value.toString()].filter((line) => line !== undefined).join(','))
  return CheckRequest.fromPartial({
    attributes: {
      ...(parts.source === undefined ? {} : { source: peerAt(parts.source) }),
      contextExtensions: new Map(Object.entries(parts.contextExtensions ?? {})),
      request: {
        time: { seconds: 1_795_262_400n, nanos: 0 },
        http: {
          id,
          method,
          path,
          rawBody: Buffer.from(body),
          headers: asMap ? joined : new Map(),
          headerMap: asMap ? undefined : { headers },
        },
      },
    },
  })
}

const peerAt = (address: string) =>
  ({
    address: { address: { $case: 'socketAddress', value: { address } } },
  }) as const
