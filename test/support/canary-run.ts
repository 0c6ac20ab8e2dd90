// A real server that tells all it can, asked with canaries in every way and failing in every way; what it told is kept.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { credentials, Metadata } from '@grpc/grpc-js'
import {
  AuthorizationClient,
  CheckRequest,
  CheckResponse,
} from '../../src/grpc/gen/envoy/service/auth/v3/external_auth.ts'
import type { Ear, Place, SIGNS } from './canary-ear.ts'
import { createEar, startSink, WHOLE } from './canary-ear.ts'
import { canaryRequests } from './canary-requests.ts'
import type { CanaryStore } from './canary-store.ts'
import { createCanaryStore } from './canary-store.ts'
import { summarise } from './check-client.ts'
import type { RequestParts } from './check-requests.ts'
import { aCheckRequest } from './check-requests.ts'
import type { FlakyProxy } from './flaky-proxy.ts'
import { startFlakyProxy } from './flaky-proxy.ts'
import { freshDatabase, runOnMariadb } from './mariadb.ts'
import { startServing } from './serving.ts'

export type CanaryRun = Readonly<{
  asked: number
  /** Of answers that are no gRPC error. */
  reasons: ReadonlySet<string>
  /** How often each of these was told, wherever it was. */
  told: Readonly<Record<(typeof SIGNS)[number], number>>
  /** What was found in each place. */
  found: Readonly<Record<Place, readonly string[]>>
}>

/** Each key is sent in every `stride`th way, and each way with keys in every state. */
export const runCanaries = async (count: number, stride: number): Promise<CanaryRun> => {
  const url = new URL(await freshDatabase())
  const database = url.pathname.slice(1)
  const canaries = await createCanaryStore(url.href, count)
  const ear = createEar(canaries)
  const collector = await startSink((body) => ear.hear('spans', body))
  const proxy = await startFlakyProxy(url.host)
  const directory = await mkdtemp(join(tmpdir(), 'latchkey-canary-'))
  url.port = String(proxy.port)
  const serving = await startServing(directory, {
    DATABASE_URL: url.href,
    LOG_LEVEL: 'trace',
    LATCHKEY_LOG_ALLOW_SAMPLE_RATE: '1',
    LATCHKEY_MODEL_HEADER: 'x-model',
    LATCHKEY_DRAIN_DELAY: '0ms',
    LATCHKEY_CHECK_TIMEOUT: '2s',
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/v1/traces`,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    // Nothing is dropped.
    OTEL_BSP_MAX_QUEUE_SIZE: '1000000',
  })
  const asker = createAsker(serving.address, serving.healthAddress, ear)
  try {
    await askEverything(asker, canaries, stride)
    await ear.readTables(database)
    await failInTurn(asker, canaries, database, proxy)
  } finally {
    asker.close()
    serving.process.kill('SIGTERM')
    await serving.ended
    await proxy.close()
    await collector.close()
    await rm(directory, { recursive: true })
  }
  for (const line of serving.log) ear.hear('log', line)
  return { asked: asker.asked(), reasons: asker.reasons, told: ear.told, found: ear.found }
}

type Asker = ReturnType<typeof createAsker>

const CHECK = '/envoy.service.auth.v3.Authorization/Check'

const createAsker = (address: string, healthAddress: string, { hear }: Ear) => {
  const client = new AuthorizationClient(address, credentials.createInsecure())
  const reasons = new Set<string>()
  let asked = 0
  const keep = (reply: Buffer): void => {
    const response = CheckResponse.decode(reply)
    reasons.add(summarise(response).reason)
    hear('answers', whatIsTold(reply, response))
  }
  const send = (bytes: Buffer, metadata = new Metadata()): Promise<void> =>
    new Promise((resolve) => {
      asked += 1
      const same = (buffer: Buffer) => buffer
      client.makeUnaryRequest(CHECK, same, same, bytes, metadata, (error, reply) => {
        if (error !== null) hear('gRPC errors', inspect(error, WHOLE))
        else if (reply !== undefined) keep(reply)
        resolve()
      })
    })
  return {
    reasons,
    asked: () => asked,
    send,
    ask: (parts: RequestParts, metadata?: Metadata) =>
      send(Buffer.from(CheckRequest.encode(aCheckRequest(parts)).finish()), metadata),
    fetch: async (path: string, secret: string) => {
      const response = await fetch(`http://${healthAddress}${path}`, {
        headers: { authorization: `Bearer ${secret}` },
      })
      hear('pages', `${JSON.stringify([...response.headers])} ${await response.text()}`)
    },
    close: () => client.close(),
  }
}

/** All of a refusal; of an Allow all but the model that goes on to the model server, which gets the body as well. */
const whatIsTold = (reply: Buffer, { httpResponse, dynamicMetadata }: CheckResponse): string => {
  if (httpResponse?.$case !== 'okResponse') return reply.toString('latin1')
  const headers = httpResponse.value.headers.filter(({ header }) => header?.key !== 'x-latchkey-model')
  return inspect({ ...httpResponse.value, headers, dynamicMetadata }, WHOLE)
}

const askEverything = async (
  asker: Asker,
  { secrets, open, ruled }: CanaryStore,
  stride: number,
): Promise<void> => {
  for (const [number, secret] of secrets.entries()) {
    const metadata = new Metadata()
    for (const name of ['authorization', 'x-api-key', 'x-request-id']) metadata.set(name, secret)
    const ways = canaryRequests(secret, open, ruled).filter((_, at) => (at + number) % stride === 0)
    await Promise.all(ways.map((parts) => asker.ask(parts, metadata)))
    const bytes = CheckRequest.encode(aCheckRequest({ path: secret, body: secret })).finish()
    await asker.send(Buffer.from(bytes.subarray(0, -3)))
    await asker.send(Buffer.from(secret))
  }
  for (const path of ['/metrics', '/readyz', `/${open}?key=${open}`]) await asker.fetch(path, open)
}

/** A database that refuses statements, one that does not answer, and one that is away. */
const failInTurn = async (
  asker: Asker,
  { secrets, spare, stateOf, open }: CanaryStore,
  database: string,
  proxy: FlakyProxy,
): Promise<void> => {
  const limited = secrets.filter((_, number) => stateOf(number) === 'daily').slice(0, 5)
  const askAll = async (round: number) => {
    const unknown = spare.slice(5 * round, 5 * round + 5)
    const asking = [...limited, ...unknown].map((secret) => {
      const body = JSON.stringify({ model: secret })
      return asker.ask({ headers: [['x-api-key', secret]], path: `/${secret}?key=${secret}`, body })
    })
    await Promise.all(asking)
    for (const path of ['/metrics', '/readyz']) await asker.fetch(path, open)
  }
  for (const [round, table] of ['key_secret', 'quota'].entries()) {
    await runOnMariadb(`RENAME TABLE ${table} TO away`, database)
    await askAll(round)
    await runOnMariadb(`RENAME TABLE away TO ${table}`, database)
  }
  proxy.holdAnswers(true)
  await askAll(2)
  proxy.aimAt(undefined)
  await askAll(3)
}
