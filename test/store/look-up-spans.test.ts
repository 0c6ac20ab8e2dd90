// The span of a look-up that several Checks caused: linked with each of them, and no more than that of one when only one asked.
import { context, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { expect, test } from 'vitest'
import { createLookupGate } from '../../src/keys/lookup-gate.ts'
import { createStoreCircuit } from '../../src/keys/store-circuit.ts'
import { withLookUpSpan } from '../../src/store/look-up-span.ts'
import type { EndedSpan } from '../support/ended-spans.ts'
import { recordSpans } from '../support/ended-spans.ts'
import { turn } from '../support/loop-turns.ts'
import { aDigest, describeEveryStore, wantedKey } from '../support/stores.ts'

const GROUP = 'latchkey.look_up_group'

const ended = recordSpans()

describeEveryStore('spans of look-ups', (get, kind) => {
  /** One place, which the first takes alone; the others wait for it and are looked up together. */
  const oneAndThen = async (asks: readonly ((find: () => Promise<unknown>) => Promise<unknown>)[]) => {
    const { store, clock, newCall } = get()
    const gate = createLookupGate({
      store: store.keyStore,
      clock,
      circuit: createStoreCircuit({ clock }),
      mayLookUp: () => true,
      refused: () => {},
      maxLookups: 1,
    })
    const before = ended.length
    const find = () => gate.find(aDigest(), -1, newCall())
    const [first, ...others] = asks
    const underWay = first?.(find)
    await turn()
    await Promise.all([underWay, ...others.map((ask) => ask(find))])
    return ended.slice(before)
  }
  const traced =
    (name: string) =>
    (find: () => Promise<unknown>): Promise<unknown> =>
      trace.getTracer('test').startActiveSpan(name, (span) => find().finally(() => span.end()))
  const untraced = (find: () => Promise<unknown>) => context.with(ROOT_CONTEXT, find)
  const statementsOf = (spans: readonly EndedSpan[]) =>
    spans.filter(({ name }) => name === 'SELECT key_secret')
  const named = (spans: readonly EndedSpan[], wanted: string): EndedSpan => {
    const found = spans.find(({ name }) => name === wanted)
    if (found === undefined) throw new Error(`no span ${wanted}`)
    return found
  }

  test('each traced Check shows the look-up that it caused, alone or with others', async () => {
    const spans = await oneAndThen([traced('first'), traced('second'), untraced, traced('third')])
    const [first, second, third] = ['first', 'second', 'third'].map((name) => named(spans, name))
    const statements = statementsOf(spans)
    expect(statements.filter(({ parent }) => parent === first?.id)).toHaveLength(1)
    if (kind === 'SQLite') {
      // One after the other, each below its own.
      for (const span of [second, third])
        expect(statements.filter(({ parent }) => parent === span?.id)).toHaveLength(1)
      return
    }
    const group = named(spans, GROUP)
    expect(statements.map(({ parent }) => parent)).toEqual([first?.id, group.id])
    expect(group).toMatchObject({
      parent: undefined,
      links: [second?.id, third?.id],
      attributes: { 'latchkey.group.keys': 3 },
    })
    for (const span of [second, third]) {
      expect(span?.links).toEqual([group.id])
      expect(span?.trace).not.toBe(group.trace)
    }
  })

  test('one that waited and is looked up alone has its statement below it', async () => {
    const spans = await oneAndThen([untraced, traced('waited')])
    expect(statementsOf(spans).map(({ parent }) => parent)).toContain(named(spans, 'waited').id)
    expect(spans.map(({ name }) => name)).not.toContain(GROUP)
  })

  test('look-ups that nobody traces start no group', async () => {
    const spans = await oneAndThen([untraced, untraced, untraced])
    expect(spans.map(({ name }) => name)).not.toContain(GROUP)
  })
})

test('a look-up that fails is an error of its span, told by its class alone', async () => {
  const span = trace.getTracer('test').startSpan('asked')
  const asked = {
    ...wantedKey(aDigest()),
    within: <T>(work: () => T) => context.with(trace.setSpan(ROOT_CONTEXT, span), work),
  }
  const work = () => Promise.reject(new RangeError('SECRET'))
  await expect(withLookUpSpan([asked], work)).rejects.toThrow('SECRET')
  span.end()
  const group = ended.findLast(({ name }) => name === GROUP)
  expect(group).toMatchObject({ failed: true, attributes: { 'error.type': 'RangeError' } })
  expect(JSON.stringify(group)).not.toContain('SECRET')
})
