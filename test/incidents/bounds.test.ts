// What grew without an end, or broke for everybody because of a few: memory, labels, connections, traces.

import { expect, test } from 'vitest'
import type { AuthorizationDeps } from '../../src/grpc/authorization.ts'
import { aKeyIn, anApp, mintSecret } from '../support/app-rig.ts'
import { summarise } from '../support/check-client.ts'
import { aCheckRequest } from '../support/check-requests.ts'
import { aDirectory, onClose } from '../support/closing.ts'
import { anAllow } from '../support/decisions.ts'
import { aClient, aServer, ask } from '../support/grpc-rig.ts'
import { createOtlpCollector } from '../support/otlp-collector.ts'
import { startServing } from '../support/serving.ts'

const PROVE = process.env['LATCHKEY_PROVE'] === '1'

// Everything that was ever asked for stayed in memory, and each key was a new series for who scrapes.
test('LiteLLM #12685 #38193, envoyproxy/ratelimit #275 #1132, limitador #71 #295: neither memory nor metrics grow with the keys that were ever seen', async () => {
  const bound = 50
  const rig = await anApp({
    health_listen: '127.0.0.1:0',
    cache_max_entries: String(bound),
    cache_absent_ttl: '1h',
    // What is changed here is known here, and the feed would tell of it once more.
    feed_interval: '1m',
    cache_unfed_ttl: '1h',
  })
  const limits = [{ unit: 'requests', period: 'day', zone: 'UTC', amount: 1 }] as const
  const page = async () => (await fetch(`http://${rig.app.healthAddress}/metrics`)).text()
  const seen: string[] = []
  const everyKind = async () => {
    const ownerPath = `org-${seen.length}`
    const { id, secret } = await aKeyIn(rig.app.store, { ownerPath, limits })
    const unknown = mintSecret()
    const body = JSON.stringify({ model: `model-of-${ownerPath}` })
    for (const token of [secret, secret, unknown, `wrong-${id}`])
      await rig.answer(token, { body, path: `/v1/chat/completions?${id}` })
    seen.push(id, secret, unknown, ownerPath)
  }
  const series = (text: string) =>
    text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length
  await everyKind()
  await everyKind()
  const before = series(await page())
  for (let each = 0; each < bound; each += 1) await everyKind()
  // Nothing is changed while these are asked for, so that nothing is dropped for another reason.
  const many = Array.from({ length: 2 * bound }, mintSecret)
  for (const secret of many) await aKeyIn(rig.app.store, {}, secret)
  for (const secret of many)
    expect([await rig.answer(secret), await rig.answer(mintSecret())]).toMatchObject([
      { allowed: true },
      { allowed: false },
    ])
  const text = await page()
  expect(series(text)).toBe(before)
  expect(seen.filter((word) => text.includes(word))).toEqual([])
  // Keys, and at most a tenth as many that are known to be absent.
  const { entries } = rig.app.directory.size()
  expect(entries).toBeGreaterThan(bound)
  expect(entries).toBeLessThanOrEqual(bound + Math.ceil(bound / 10))
})

// Node counts the streams that a client takes back, and closes the connection on which others wait.
test('grpc-node #2872, Node #51585: thousands of cancelled calls fail none of those that wait on the same connection', async () => {
  const cancelled = PROVE ? 20_000 : 3_000
  const lanes = 50
  const over = Promise.withResolvers<void>()
  const began = new Map<string, () => void>()
  const answer = async (request: Parameters<AuthorizationDeps['check']>[0]) => {
    began.get(request?.path ?? '')?.()
    await over.promise
    return anAllow()
  }
  // Their work does not end here, so as many are in flight.
  const server = await aServer({ checkTimeoutMs: 300_000 }, answer, cancelled + 1_000)
  const client = aClient(server.address)
  const start = async (path: string, onCall: Parameters<typeof ask>[3] = () => {}) => {
    const arrived = Promise.withResolvers<void>()
    began.set(path, arrived.resolve)
    const answer = ask(client, aCheckRequest({ path }), {}, onCall)
    answer.catch(() => {})
    // A connection that was closed would let nobody arrive.
    await Promise.race([arrived.promise, answer])
    return { answer }
  }
  const innocents = await Promise.all(Array.from({ length: 20 }, (_, n) => start(`/innocent/${n}`)))
  const lane = async (_: unknown, at: number) => {
    for (let count = 0; count < cancelled / lanes; count += 1) {
      let cancel = () => {}
      const { answer } = await start(`/leaves/${at}/${count}`, (call) => {
        cancel = () => call.cancel()
      })
      cancel()
      await expect(answer).rejects.toThrow(/CANCELLED/)
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  over.resolve()
  const answers = await Promise.all(innocents.map(async ({ answer }) => summarise(await answer).allowed))
  expect(answers).toEqual(innocents.map(() => true))
})

// The client's own header was taken for the parent, so that traces hung from a span that nobody had.
test("opa-envoy-plugin #681: the parent of a Check is the span of Envoy's call, whatever the client's header says", async () => {
  const collector = await createOtlpCollector()
  onClose(collector.close)
  const serving = await startServing(await aDirectory(), {
    LATCHKEY_DRAIN_DELAY: '0ms',
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
  })
  onClose(async () => {
    serving.process.kill('SIGKILL')
    await serving.ended
  })
  const [trace, parent, forged] = ['a'.repeat(32), 'b'.repeat(16), 'c'.repeat(32)] as const
  const request = aCheckRequest({ headers: [['traceparent', `00-${forged}-${'d'.repeat(16)}-01`]] })
  const client = aClient(serving.address)
  await ask(client, request, { traceparent: `00-${trace}-${parent}-01` })
  await ask(client, request)
  client.close()
  serving.process.kill('SIGTERM')
  expect(await serving.ended).toBe(0)
  const checks = collector.spans.filter(({ name }) => name.endsWith('/Check'))
  expect(checks.map(({ parentSpanId }) => parentSpanId).toSorted()).toEqual(['', parent])
  expect(checks.find(({ parentSpanId }) => parentSpanId === parent)?.traceId).toBe(trace)
  expect(collector.sent()).not.toContain(forged)
})

// Old rows were deleted by the hundred thousand in one statement, while calls waited for the same tables.
test.todo('LiteLLM #15081 #29342 #36594: cleaning up barely moves the time of a charge (needs cleanup)')
