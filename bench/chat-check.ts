// The Check that is measured: what Envoy sends for a small chat request of an SDK, 19 headers and a body.
import { CheckRequest } from '../src/grpc/gen/envoy/service/auth/v3/external_auth.ts'

/** Encoded, without the head of a gRPC message. An empty `id` makes no two of them one retried request. */
export const aChatCheck = ({ secret, id }: Readonly<{ secret: string; id: string }>): Uint8Array =>
  CheckRequest.encode(
    CheckRequest.fromPartial({
      attributes: {
        request: {
          time: { seconds: 1_795_262_400n, nanos: 0 },
          http: {
            id,
            method: 'POST',
            path: '/v1/chat/completions',
            rawBody: BODY,
            headerMap: { headers: [...HEADERS, header('authorization', `Bearer ${secret}`)] },
          },
        },
      },
    }),
  ).finish()

const header = (key: string, value: string) => ({ key, value: '', rawValue: Buffer.from(value) })

const BODY = Buffer.from(
  JSON.stringify({
    model: 'gpt-4o-mini',
    messages: [{ role: 'user', content: 'What is a latchkey?' }],
    max_tokens: 64,
  }),
)

const HEADERS = [
  header(':method', 'POST'),
  header(':path', '/v1/chat/completions'),
  header(':authority', 'models.internal'),
  header(':scheme', 'http'),
  header('content-type', 'application/json'),
  header('content-length', `${BODY.length}`),
  header('accept', 'application/json'),
  header('accept-encoding', 'gzip, deflate'),
  header('user-agent', 'OpenAI/JS 7.55.0'),
  header('x-stainless-lang', 'js'),
  header('x-stainless-package-version', '7.55.0'),
  header('x-stainless-os', 'Linux'),
  header('x-stainless-arch', 'x64'),
  header('x-stainless-runtime', 'node'),
  header('x-stainless-runtime-version', 'v24.21.0'),
  header('x-stainless-retry-count', '0'),
  header('x-forwarded-proto', 'http'),
  header('x-request-id', '8f6d2f0c-6c0b-4c0e-9a46-0e0f6f0f1c11'),
]
