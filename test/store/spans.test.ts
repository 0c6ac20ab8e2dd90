// The spans of hot statements: under the span that asked, with the statement's text and nothing of its values.
import { context, trace } from '@opentelemetry/api'
import { startNodeSdk } from '@opentelemetry/sdk-node'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createKey, describeEveryStore } from '../support/stores.ts'

const DAY = { unit: 'requests', period: 'day', zone: 'UTC', amount: 7_654_321 } as const
const MONTH = { ...DAY, period: 'month' } as const

type Span = Readonly<{
  name: string
  kind: number
  parent: string | undefined
  attributes: Readonly<Record<string, unknown>>
}>

const ended: Span[] = []
let sdk: ReturnType<typeof startNodeSdk>

beforeAll(() => {
  sdk = startNodeSdk({
    metricReaders: [],
    logRecordProcessors: [],
    spanProcessors: [
      {
        onStart: () => {},
        onEnd: ({ name, kind, parentSpanContext, attributes }) => {
          ended.push({ name, kind, parent: parentSpanContext?.spanId, attributes })
        },
        forceFlush: () => Promise.resolve(),
        shutdown: () => Promise.resolve(),
      },
    ],
  })
})
afterAll(async () => {
  await sdk.shutdown()
  trace.disable()
  context.disable()
})

describeEveryStore('spans', (get, kind) => {
  /** Runs `work` under a span of its own and returns the spans below it. */
  const spansOf = (work: () => Promise<unknown>) =>
    trace.getTracer('test').startActiveSpan('asked', async (asked) => {
      await work()
      asked.end()
      const { spanId } = asked.spanContext()
      return ended.filter(({ parent }) => parent === spanId)
    })

  test('a look-up is one span, a charge one for each statement, a refusal one more', async () => {
    const { digest, quotas } = await createKey(get(), { limits: [DAY, MONTH] })
    const { keyStore, ledger } = get().store
    const names = async (work: () => Promise<unknown>) => (await spansOf(work)).map(({ name }) => name)
    expect(await names(() => keyStore.find(digest, -1, get().newCall()))).toEqual(['SELECT key_secret'])
    const both = await names(() => ledger.charge(quotas, 1, get().newCall()))
    expect(both.filter((name) => name === 'UPDATE quota')).toHaveLength(2)
    expect(both.at(-1)).toBe('COMMIT')
    const refused = await names(() => ledger.charge(quotas, DAY.amount, get().newCall()))
    expect(refused).toContain('SELECT quota')
    expect(refused).not.toContain('COMMIT')
  })

  test('concurrent calls keep their spans apart', async () => {
    const { quotas } = await createKey(get(), { limits: [DAY] })
    const all = await Promise.all(
      Array.from({ length: 32 }, () => spansOf(() => get().store.ledger.charge(quotas, 1, get().newCall()))),
    )
    for (const spans of all) expect(spans.filter(({ name }) => name === 'UPDATE quota')).toHaveLength(1)
  })

  test('a span says which system and which statement, and holds no value, no id and no hash', async () => {
    const { id, digest, quotas } = await createKey(get(), { limits: [DAY, MONTH] })
    const spans = await spansOf(async () => {
      await get().store.keyStore.find(digest, -1, get().newCall())
      await get().store.ledger.charge(quotas, 6_543_210, get().newCall())
    })
    for (const { attributes, kind: spanKind } of spans) {
      expect(attributes['db.system.name']).toBe(kind === 'SQLite' ? 'sqlite' : 'mariadb')
      expect(spanKind).toBe(2)
      const text = JSON.stringify(attributes)
      for (const secret of [
        id,
        Buffer.from(digest).toString('hex'),
        '6543210',
        '7654321',
        String(quotas[0]?.id).padStart(9, 'x'),
      ])
        expect(text).not.toContain(secret)
    }
    const other = await createKey(get(), { limits: [DAY, MONTH] })
    const others = await spansOf(async () => {
      await get().store.keyStore.find(other.digest, 3, get().newCall())
      await get().store.ledger.charge(other.quotas, 1, get().newCall())
    })
    const texts = (all: readonly Span[]) => all.map(({ attributes }) => attributes['db.query.text'])
    expect(texts(others)).toEqual(texts(spans))
    const update = spans.find(({ name }) => name === 'UPDATE quota')
    expect(update?.attributes).toMatchObject({ 'db.operation.name': 'UPDATE', 'db.collection.name': 'quota' })
  })
})
