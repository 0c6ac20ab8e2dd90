// A process of its own that asks Checks over gRPC as fast as they are answered, with a fixed number in flight.
import { randomUUID } from 'node:crypto'
import { CheckRequest } from '../src/grpc/gen/envoy/service/auth/v3/external_auth.ts'
import { createSecrets, DEFAULT_SECRET_FORMATS } from '../src/keys/secret.ts'
import type { CheckConnection } from './check-connection.ts'
import { openCheckConnection } from './check-connection.ts'
import { runLoadProgram } from './load-program.ts'

export type CheckLoad = Readonly<{
  /** `unix:PATH` */
  address: string
  /** The secret of all Checks; undefined: for each a fresh well-formed one that nobody created. */
  secret: string | undefined
  inFlight: number
  warmMs: number
  measureMs: number
}>

export type CheckLoadResult = Readonly<{ warm: Counted; measured: Counted }>

type Counted = Readonly<{
  checks: number
  seconds: number
  /** How many answers had which gRPC status in the CheckResponse: 0 is an Allow. */
  statuses: Readonly<Record<string, number>>
}>

runLoadProgram(async (load: CheckLoad) => {
  const connection = await openCheckConnection(load.address.replace('unix:', ''))
  const next = questions(load.secret)
  return async (): Promise<CheckLoadResult> => {
    const warm = await keepAsking(connection, next, load.inFlight, load.warmMs)
    const measured = await keepAsking(connection, next, load.inFlight, load.measureMs)
    connection.close()
    return { warm, measured }
  }
})

/** Encoded beforehand, so that this process spends little beside the one that is measured; each asks with its own id. */
const questions = (secret: string | undefined): (() => Buffer) => {
  const ready = Array.from({ length: secret === undefined ? 50_000 : 1 }, () =>
    aCheck(secret ?? secrets.mint()),
  )
  let asked = 0
  return () => {
    const question = Buffer.from(ready[asked++ % ready.length] ?? [])
    question.write(randomUUID(), question.indexOf(PLACE_OF_ID), 'latin1')
    return question
  }
}

/** Counts what was answered between the first question and the last answer. */
const keepAsking = async (
  connection: CheckConnection,
  next: () => Buffer,
  inFlight: number,
  forMs: number,
): Promise<Counted> => {
  const statuses: Record<string, number> = {}
  let checks = 0
  const startedMs = performance.now()
  const ask = async () => {
    const status = await connection.ask(next())
    statuses[status] = (statuses[status] ?? 0) + 1
    checks += 1
  }
  const keep = async () => {
    while (performance.now() - startedMs < forMs) await ask()
  }
  await Promise.all(Array.from({ length: inFlight }, keep))
  return { checks, seconds: (performance.now() - startedMs) / 1000, statuses }
}

const BODY = Buffer.from(
  JSON.stringify({
    model: 'gpt-4o-mini',
    messages: [{ role: 'user', content: 'What is a latchkey?' }],
    max_tokens: 64,
  }),
)
const PLACE_OF_ID = '00000000-0000-0000-0000-000000000000'
const secrets = createSecrets(DEFAULT_SECRET_FORMATS)

/** What Envoy sends for a small chat request of an SDK. */
const aCheck = (secret: string): Uint8Array =>
  CheckRequest.encode(
    CheckRequest.fromPartial({
      attributes: {
        request: {
          time: { seconds: 1_795_262_400n, nanos: 0 },
          http: {
            id: PLACE_OF_ID,
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

const HEADERS = [
  header(':method', 'POST'),
  header(':path', '/v1/chat/completions'),
  header(':authority', 'models.internal'),
  header('content-type', 'application/json'),
  header('content-length', `${BODY.length}`),
  header('accept', 'application/json'),
  header('user-agent', 'OpenAI/JS 7.55.0'),
  header('x-stainless-lang', 'js'),
  header('x-stainless-retry-count', '0'),
  header('x-forwarded-proto', 'http'),
  header('x-request-id', '8f6d2f0c-6c0b-4c0e-9a46-0e0f6f0f1c11'),
]
