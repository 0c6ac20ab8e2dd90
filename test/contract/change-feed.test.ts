// What every book tells the others, on every store: in its own transaction, without gaps, in the order of commits.
import { describe, expect, test } from 'vitest'
import type { Change } from '../../src/keys/change-feed.ts'
import { createChangeFeed } from '../../src/keys/change-feed.ts'
import { NO_RULES } from '../../src/policy/policy.ts'
import type { Ground, Verb } from '../support/book-verbs.ts'
import { ANY_OWNER, BOOKS, prepareGround } from '../support/book-verbs.ts'
import { carryOutChanges } from '../support/change-fleet.ts'
import { recordFigure } from '../support/figures.ts'
import { STATE_BOOK } from '../support/state-verbs.ts'
import type { TestStore } from '../support/stores.ts'
import { describeEveryStore } from '../support/stores.ts'
import { until } from '../support/until.ts'

const PROVE = process.env['LATCHKEY_PROVE'] === '1'
const COMMITS = PROVE ? 10_000 : 240
const PROCESSES = 3
const LIMITS_EACH = 8

/** What nobody's key depends on. */
const TELLS_NOBODY = ['replicaBook']

const VERBS = Object.entries({ ...BOOKS, stateBook: STATE_BOOK }).flatMap(([book, verbs]) =>
  Object.entries<Verb | 'reads'>(verbs).map(([name, verb]) => ({ name: `${book}.${name}`, verb })),
)
const WRITES = VERBS.flatMap(({ name, verb }) => (verb === 'reads' ? [] : [[name, verb] as const]))

describeEveryStore('changes', (get) => {
  /** Runs `work`, and says what became of the feed and what this process was told meanwhile. */
  const watch = async (work: () => Promise<unknown>) => {
    const { changes, onChange } = get().store
    const before = await changes.last()
    const told: Change[] = []
    const stop = onChange((change) => told.push(change))
    await work().finally(stop)
    const rows = await changes.changesFrom(before.number + 1, 100)
    return { before, after: await changes.last(), rows, told }
  }
  const expected = (verb: Verb, ground: Ground) =>
    verb
      .changes(ground)
      .map((change) =>
        change === ANY_OWNER ? { kind: 'owner', id: expect.stringMatching(/^own_/) as string } : change,
      )

  test('no book and none of its methods is forgotten here', () => {
    const books = Object.entries(get().store).filter(([name]) => name.endsWith('Book'))
    const methods = books
      .filter(([name]) => !TELLS_NOBODY.includes(name))
      .flatMap(([name, book]) => Object.keys(book).map((method) => `${name}.${method}`))
    expect(methods.toSorted()).toEqual(VERBS.map(({ name }) => name).toSorted())
  })

  test.each(WRITES)(
    '%s writes what it changes, numbered without a gap, and tells this process the same',
    async (_name, verb) => {
      const ground = await prepareGround(get())
      const { before, after, rows, told } = await watch(() => verb.carryOut(ground))
      expect(rows.map(({ change }) => change)).toEqual(expected(verb, ground))
      expect(told).toEqual(rows.map(({ change }) => change))
      expect(rows.map(({ number }) => number)).toEqual(rows.map((_, at) => before.number + 1 + at))
      expect(after).toEqual({ number: rows.at(-1)?.number, token: rows.at(-1)?.token })
    },
  )

  test.each(WRITES)('%s writes nothing and tells nobody when it is refused', async (_name, verb) => {
    const ground = await prepareGround(get())
    const { before, after, told } = await watch(() =>
      expect(verb.refused(ground)).rejects.toMatchObject({ code: expect.any(String) as string }),
    )
    expect({ after, told }).toEqual({ after: before, told: [] })
  })

  test.each(WRITES)('%s changes nothing when its change cannot be written', async (_name, verb) => {
    const ground = await prepareGround(get())
    const before = await everything(get())
    const { number, token } = await get().store.changes.last()
    await get().write('DELETE FROM change_counter')
    const told: Change[] = []
    const stop = get().store.onChange((change) => told.push(change))
    try {
      await expect(verb.carryOut(ground)).rejects.toThrow(/counter of changes/)
    } finally {
      stop()
      await get().write(`INSERT INTO change_counter (id, value, token) VALUES (1, ${number}, ${token})`)
    }
    expect(await everything(get())).toEqual(before)
    expect(told).toEqual([])
  })
})

const TABLES = 'owner virtual_key key_secret guardrail policy model registry quota_limit quota change_feed'

const everything = async ({ read }: TestStore) =>
  Object.fromEntries(
    await Promise.all(TABLES.split(' ').map(async (table) => [table, await read(`SELECT * FROM ${table}`)])),
  ) as unknown

describe('many processes at once', () => {
  describeEveryStore('changes', (get, kind) => {
    /** Transactions overtake each other before they get their number, and some hold it for a while. */
    const slowDown = async () => {
      if (kind !== 'MariaDB') return
      await get().write(
        'CREATE TRIGGER late BEFORE UPDATE ON quota_limit FOR EACH ROW DO SLEEP(RAND() * 0.02)',
      )
      await get().write(
        'CREATE TRIGGER held AFTER INSERT ON change_feed FOR EACH ROW DO SLEEP(RAND() * 0.002)',
      )
    }

    test(`${COMMITS} commits out of order: each is applied once, in order, no gap is seen, and what is told is there to be read`, {
      timeout: 400_000,
    }, async () => {
      const { limitBook, ownerBook } = get().store
      const limits = await Promise.all(
        Array.from({ length: PROCESSES * LIMITS_EACH }, async (_, n) => {
          const { id, path } = await ownerBook.createOwner(`many${n}`, NO_RULES)
          const limit = { unit: 'requests', period: 'total', zone: 'UTC', amount: FIRST_AMOUNT } as const
          return { ownerId: id, ...(await limitBook.createLimit(path, limit)) }
        }),
      )
      const commitsEach = Math.ceil(COMMITS / limits.length)
      await slowDown()
      const applied: Change[] = []
      const reader = await get().openAgain()
      const feed = createChangeFeed({
        source: reader.changes,
        clock: get().clock,
        apply: (change) => applied.push(change),
      })
      await feed.poll()
      const first = feed.position() ?? 0
      applied.length = 0

      const orders = Array.from({ length: PROCESSES }, (_, n) => ({
        url: get().url,
        limits: limits.slice(n * LIMITS_EACH, (n + 1) * LIMITS_EACH),
        commitsEach,
      }))
      let done = false
      const changing = carryOutChanges(orders).finally(() => {
        done = true
      })
      const changed = changing.then(
        () => undefined,
        (error: unknown) => error,
      )
      let polls = 0
      await until(async () => {
        await feed.poll()
        // The n-th change of an owner's limit sets it to n.
        const looked = limits[polls % limits.length]
        const heard = applied.filter((change) => 'id' in change && change.id === looked?.ownerId).length
        const [limit] = await reader.limitBook.listLimits(looked?.subject)
        if (heard > 0) expect(limit?.amount).toBeGreaterThanOrEqual(heard)
        polls += 1
        return done
      })
      expect(await changed).toBeUndefined()
      await feed.poll()
      const rows = await get().read(
        `SELECT number, subject FROM change_feed WHERE number > ${first} ORDER BY number`,
      )
      await reader.close()
      expect(rows.map(({ number }) => Number(number))).toEqual(
        Array.from({ length: commitsEach * limits.length }, (_, at) => first + 1 + at),
      )
      expect(applied).toEqual(rows.map(({ subject }) => ({ kind: 'owner', id: String(subject) })))
      expect(polls).toBeGreaterThan(10)
      recordFigure({
        name: `changes committed out of order by ${PROCESSES} processes on ${kind}, each applied once and in order`,
        value: applied.length,
      })
    })
  })
})

const FIRST_AMOUNT = 1_000_000
