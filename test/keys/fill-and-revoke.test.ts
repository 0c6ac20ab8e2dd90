// A look-up under way, a revocation and a poll of the feed, in every order there is: once it is known, nobody is admitted any more.
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { recordFigure } from '../support/figures.ts'
import { ordersOf } from '../support/orders.ts'
import type { Revocation } from '../support/revocation-world.ts'
import { createRevocationWorld, REVOCATIONS, WORLD_OPTIONS } from '../support/revocation-world.ts'

const STEPS = [
  'a look-up is asked',
  'it reads',
  'it comes back',
  'the revocation is committed',
  'a poll reads',
  'the poll is told',
  'a second poll',
  'a Check',
  'another Check',
] as const
type Step = (typeof STEPS)[number]

const ORDERS = ordersOf<Step>(STEPS, {
  'it reads': 'a look-up is asked',
  'it comes back': 'it reads',
  'the poll is told': 'a poll reads',
  // Never two at once.
  'a second poll': 'the poll is told',
  'another Check': 'a Check',
})

const PROVE = process.env['LATCHKEY_PROVE'] === '1'
/** A third of them, taken evenly, misses nothing that was ever found. */
const TRIED = PROVE ? ORDERS : ORDERS.filter((_, at) => at % 3 === 0)

const MEMORIES = ['nothing', 'the key', 'the key, too long without a feed'] as const
type Memory = (typeof MEMORIES)[number]

type Outcome = Readonly<{ admitted: number; admittedTooLate: number; admittedWithoutStore: boolean }>

const carryOut = async (order: readonly Step[], revocation: Revocation, memory: Memory): Promise<Outcome> => {
  const world = createRevocationWorld(revocation)
  await world.feed.poll()
  if (memory !== 'nothing') await world.ask()
  if (memory === 'the key, too long without a feed') world.clock.advance(WORLD_OPTIONS.unfedTtlMs)
  let committed = false
  /** Committed when a poll read, and that poll is over. */
  let known = false
  let tellPoll = async () => {}
  let willKnow = false
  const outcome = { admitted: 0, admittedTooLate: 0 }
  const actions: Readonly<Record<Step, () => unknown>> = {
    'a look-up is asked': () => world.begin('held'),
    'it reads': world.read,
    'it comes back': () => world.reply(),
    'the revocation is committed': () => {
      world.commit()
      committed = true
    },
    'a poll reads': () => {
      tellPoll = world.beginPoll()
      willKnow = committed
    },
    'the poll is told': async () => {
      await tellPoll()
      known ||= willKnow
    },
    'a second poll': async () => {
      await world.feed.poll()
      known ||= committed
    },
    'a Check': () => world.begin('free'),
    'another Check': () => world.begin('free'),
  }
  for (const step of order) {
    await actions[step]()
    await turn()
    const admitted = world.answers().filter((answer) => answer === 'admitted').length
    outcome.admitted += admitted
    if (known) outcome.admittedTooLate += admitted
  }
  await world.feed.poll()
  // Whoever is admitted now is admitted by what was installed.
  world.setReachable(false)
  return { ...outcome, admittedWithoutStore: (await world.ask()) === 'admitted' }
}

describe.each(REVOCATIONS)(
  'in every order of a look-up, polls and Checks around the instant when %s',
  (revocation) => {
    test.each(MEMORIES)(
      'no Check is admitted after the poll that follows it, and nothing brings the key back, where %s was remembered',
      async (memory) => {
        let admitted = 0
        for (const order of TRIED) {
          const outcome = await carryOut(order, revocation, memory)
          admitted += outcome.admitted
          expect(outcome, order.join(', ')).toMatchObject({ admittedTooLate: 0, admittedWithoutStore: false })
        }
        // They were not all refused from the beginning.
        expect(admitted).toBeGreaterThan(TRIED.length / 2)
      },
    )
  },
)

test('there are as many orders as must be', () => {
  // Nine steps; three of them in a row, three in a row, two in a row.
  expect(ORDERS).toHaveLength(362_880 / 6 / 6 / 2)
  recordFigure({
    name: 'orders of a look-up, a revocation, polls and Checks in which nobody was admitted after the poll',
    value: TRIED.length * REVOCATIONS.length * MEMORIES.length,
  })
})
