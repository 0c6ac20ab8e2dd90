// The spans of hot statements: under the span that asked, or under that of a group linked with it; with the statement's text and
// nothing of its values.
import type { Context } from '@opentelemetry/api'
import { ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { expect, test } from 'vitest'
import { createCall } from '../../src/kernel/call.ts'
import { withGroupSpan } from '../../src/quota/group-span.ts'
import type { EndedSpan } from '../support/ended-spans.ts'
import { recordSpans } from '../support/ended-spans.ts'
import { createKey, describeEveryForm } from '../support/stores.ts'

const DAY = { unit: 'requests', period: 'day', zone: 'UTC', amount: 7_654_321 } as const
const MONTH = { ...DAY, period: 'month' } as const

const GROUP = 'latchkey.charge_group'

const ended = recordSpans()

/** Runs `work` under a span of its own; returns that span with the groups it is linked to, and the statements below any of them. */
const traced = (work: () => Promise<unknown>) =>
  trace.getTracer('test').startActiveSpan('asked', async (span) => {
    await work()
    span.end()
    const { spanId } = span.spanContext()
    const asked = ended.find(({ id }) => id === spanId)
    if (asked === undefined) throw new Error('the span has not ended')
    const groups = ended.filter(({ id, name }) => name === GROUP && asked.links.includes(id))
    const above = [asked, ...groups].map(({ id }) => id)
    return { asked, groups, statements: ended.filter(({ parent = '' }) => above.includes(parent)) }
  })

const spansOf = async (work: () => Promise<unknown>) => (await traced(work)).statements

describeEveryForm('spans', (get, kind, form) => {
  test('a look-up is one span, a charge one for each statement', async () => {
    const { digest, quotas } = await createKey(get(), { limits: [DAY, MONTH] })
    const { keyStore, ledger } = get().store
    const names = async (work: () => Promise<unknown>) => (await spansOf(work)).map(({ name }) => name)
    expect(await names(() => keyStore.find(digest, -1, get().newCall()))).toEqual(['SELECT key_secret'])
    const both = await names(() => ledger.charge(quotas, 1, get().newCall()))
    const isOneStatement = kind === 'MariaDB' && form === 'grouped'
    expect(both.filter((name) => name === 'UPDATE quota')).toHaveLength(isOneStatement ? 1 : 2)
    expect(both.at(-1)).toBe(isOneStatement ? 'UPDATE quota' : 'COMMIT')
    const refused = await names(() => ledger.charge(quotas, DAY.amount, get().newCall()))
    // What was just read of the rows is reason enough.
    if (form === 'grouped') expect(refused).toEqual([])
    else {
      expect(refused).toContain('SELECT quota')
      expect(refused).not.toContain('COMMIT')
    }
  })

  test('concurrent calls keep their spans apart, or share that of their group', async () => {
    const { quotas } = await createKey(get(), { limits: [DAY] })
    const all = await Promise.all(
      Array.from({ length: 32 }, () => traced(() => get().store.ledger.charge(quotas, 1, get().newCall()))),
    )
    for (const { statements } of all)
      expect(statements.filter(({ name }) => name === 'UPDATE quota')).toHaveLength(1)
    const groups = new Set(all.flatMap((each) => each.groups))
    const carried = [...groups].reduce(
      (sum, group) => sum + Number(group.attributes['latchkey.group.charges']),
      0,
    )
    expect(carried).toBe(form === 'grouped' ? 32 : 0)
    for (const { id, parent, trace: ownTrace, links } of groups) {
      expect(parent).toBeUndefined()
      const theirs = all.filter(({ asked }) => asked.links.includes(id)).map(({ asked }) => asked)
      expect(links.toSorted()).toEqual(theirs.map((asked) => asked.id).toSorted())
      expect(theirs.map((asked) => asked.trace)).not.toContain(ownTrace)
    }
  })

  test('a charge that nobody traces starts no trace', async () => {
    const { quotas } = await createKey(get(), { limits: [DAY] })
    const before = ended.filter(({ name }) => name === GROUP).length
    await get().store.ledger.charge(quotas, 1, get().newCall())
    expect(ended.filter(({ name }) => name === GROUP)).toHaveLength(before)
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
    const texts = (all: readonly EndedSpan[]) => all.map(({ attributes }) => attributes['db.query.text'])
    expect(texts(others)).toEqual(texts(spans))
    const update = spans.find(({ name }) => name === 'UPDATE quota')
    expect(update?.attributes).toMatchObject({ 'db.operation.name': 'UPDATE', 'db.collection.name': 'quota' })
  })
})

const waiterIn = (asking: Context): Parameters<typeof withGroupSpan>[0][number] => ({
  quotas: [],
  units: 1,
  call: createCall(0),
  context: asking,
  askedMs: 0,
  settle: () => {},
  fail: () => {},
})

test('a group of very many links to the first 128 of them, and each of them links to it', async () => {
  const spans = Array.from({ length: 200 }, () => trace.getTracer('test').startSpan('asked'))
  const waiters = spans.map((span) => waiterIn(trace.setSpan(ROOT_CONTEXT, span)))
  await withGroupSpan([...waiters, waiterIn(ROOT_CONTEXT)], 6, async () => {})
  for (const span of spans) span.end()
  const group = ended.findLast(({ name }) => name === GROUP)
  expect(group?.attributes).toEqual({ 'latchkey.group.charges': 201, 'latchkey.group.rows': 6 })
  expect(group?.links).toEqual(spans.slice(0, 128).map((span) => span.spanContext().spanId))
  const linked = ended.slice(-200).filter(({ links }) => links.includes(group?.id ?? ''))
  expect(linked).toHaveLength(200)
})

test('a group that fails is an error of its span, told by its class alone', async () => {
  const span = trace.getTracer('test').startSpan('asked')
  const work = () => Promise.reject(new RangeError('SECRET'))
  const waiters = [waiterIn(trace.setSpan(ROOT_CONTEXT, span))]
  await expect(withGroupSpan(waiters, 1, work)).rejects.toThrow('SECRET')
  span.end()
  const group = ended.findLast(({ name }) => name === GROUP)
  expect(group).toMatchObject({ failed: true, attributes: { 'error.type': 'RangeError' } })
  expect(JSON.stringify(group)).not.toContain('SECRET')
})
