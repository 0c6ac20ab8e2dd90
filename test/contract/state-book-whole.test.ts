// A thousand objects in one transaction, on every store: twice, with faults in the middle, beside other books and charges.
import { expect, test } from 'vitest'
import type { DeclaredState, StoredState } from '../../src/keys/declared-state.ts'
import { isSame } from '../../src/keys/state-plan.ts'
import { NO_POLICY_RULES, NO_RULES } from '../../src/policy/policy.ts'
import { recordFigure } from '../support/figures.ts'
import { holdRows } from '../support/held-rows.ts'
import { runOnMariadb } from '../support/mariadb.ts'
import type { TestStore } from '../support/stores.ts'
import {
  aDigest,
  aDraft,
  createKey,
  describeEveryStore,
  openMariadbStore,
  quotaRow,
} from '../support/stores.ts'
import { until } from '../support/until.ts'

const YES = { prune: false, dryRun: false }
const PRUNE = { prune: true, dryRun: false }

/** A tenth of them guardrails, a fifth policies, models, and then owners with a limit each; `turn` makes another state of the same names. */
const objects = (count: number, turn = 0): StoredState => ({
  guardrails: many(count / 10, (n) => `g${n}`),
  policies: many(count / 5, (n) => ({
    ...NO_POLICY_RULES,
    name: `p${n}`,
    shadow: false,
    models: [`m${n + turn}*`],
    guardrails: [`g${n % (count / 10)}`],
  })),
  models: many(count / 5, (n) => ({
    name: `m${n}*`,
    route: `r${turn}`,
    guardrails: [`g${n % (count / 10)}`],
  })),
  owners: many(count / 4, (n) => ({
    path: n % 10 === 0 ? `o${n}` : `o${n - (n % 10)}/t${n}`,
    disabled: turn === 1 && n % 50 === 0,
    labels: {},
    rules: { ...NO_RULES, policies: [`p${(n + turn) % (count / 5)}`] },
    limits: [{ unit: 'requests', period: 'day', zone: 'UTC', amount: 1_000 + turn }],
  })),
})
const thousand = (turn = 0): StoredState => objects(OBJECTS, turn)
const OBJECTS = 1_000

const many = <T>(count: number, make: (n: number) => T): readonly T[] =>
  Array.from({ length: count }, (_, n) => make(n))

const everyRow = async (opened: TestStore) => {
  const rows = []
  for (const table of TABLES) rows.push(await opened.read(`SELECT * FROM ${table}`))
  return rows
}
const TABLES = [
  'guardrail',
  'policy',
  'model',
  'owner',
  'quota_limit',
  'quota',
  'registry',
  'change_counter',
  'change_feed',
]

describeEveryStore('a thousand objects', (get, kind) => {
  const book = () => get().store.stateBook

  test('a fault in the middle, or as late as in the last statement, applies nothing', async () => {
    await book().applyState({ ...thousand(), owners: [] }, PRUNE)
    const before = await everyRow(get())
    for (const table of ['owner', 'quota_limit', 'registry', 'change_feed']) {
      const event = table === 'registry' ? 'UPDATE' : 'INSERT'
      const body = kind === 'SQLite' ? "BEGIN SELECT RAISE(ABORT, 'planted'); END" : "SIGNAL SQLSTATE '45000'"
      await get().write(`CREATE TRIGGER planted BEFORE ${event} ON ${table} FOR EACH ROW ${body}`)
      await expect(book().applyState(thousand(1), PRUNE)).rejects.toThrow()
      await get().write('DROP TRIGGER planted')
      expect(await everyRow(get())).toEqual(before)
    }
    expect((await book().applyState(thousand(1), PRUNE)).differences.length).toBeGreaterThan(0)
  })

  test('applied twice, the second time nothing changes and nothing is fed', async () => {
    await book().applyState(EMPTY, PRUNE)
    const beganMs = performance.now()
    expect((await book().applyState(thousand(), PRUNE)).differences).toHaveLength(OBJECTS)
    const appliedMs = performance.now()
    const before = await everyRow(get())
    const { number } = await get().store.changes.last()
    const repeatedMs = performance.now()
    expect(await book().applyState(thousand(), PRUNE)).toEqual({ differences: [], left: [] })
    const record = (name: string, value: number, unit: string) =>
      recordFigure({ name: `${name} on ${kind}`, value, unit, command: COMMAND })
    record(`apply of ${OBJECTS} objects`, Math.round(appliedMs - beganMs), 'ms')
    record('apply of the same again', Math.round(performance.now() - repeatedMs), 'ms')
    record('rows that it fed', (await get().store.changes.last()).number - number, 'rows')
    expect(await everyRow(get())).toEqual(before)
    expect(await book().readState()).toEqual(sortedState(thousand()))
  })

  test('two at once, and other books beside them, end as if one had come after the other', async () => {
    const other = await get().openAgain()
    const rounds = process.env['LATCHKEY_PROVE'] === '1' ? 10 : 1
    for (let round = 0; round < rounds; round += 1) {
      await book().applyState(EMPTY, PRUNE)
      await Promise.all([
        book().applyState(thousand(), PRUNE),
        other.stateBook.applyState(thousand(1), PRUNE),
        other.policyBook.createGuardrail('beside').catch(() => undefined),
        get()
          .store.ownerBook.createOwner('o0', NO_RULES)
          .catch(() => undefined),
        other.ownerBook.createOwner('beside', NO_RULES).catch(() => undefined),
      ])
      const { guardrails, owners, ...rest } = await book().readState()
      const state = {
        ...rest,
        guardrails: guardrails.filter((name) => name !== 'beside'),
        owners: owners.filter(({ path }) => path !== 'beside'),
      }
      expect([thousand(), thousand(1)].filter((wanted) => isSame(state, wanted))).toHaveLength(1)
      // The one that was applied last may be applied again to the same end, whatever stood between.
      const last = isSame(state, thousand()) ? thousand() : thousand(1)
      expect((await book().applyState(last, YES)).differences).toEqual([])
    }
    await other.close()
  })

  test('what is read while another state is applied is the one or the other whole', async () => {
    const other = await get().openAgain()
    await book().applyState(objects(60), PRUNE)
    let isDone = false
    const applying = (async () => {
      for (const turn of [1, 0, 1, 0]) await other.stateBook.applyState(objects(60, turn), PRUNE)
      isDone = true
    })()
    let reads = 0
    let torn = 0
    while (!isDone) {
      const state = await book().readState()
      if (![objects(60), objects(60, 1)].some((wanted) => isSame(state, wanted))) torn += 1
      reads += 1
      await new Promise((resolve) => setImmediate(resolve))
    }
    await applying
    expect(torn).toBe(0)
    await other.close()
    expect(reads).toBeGreaterThan(1)
  })

  test('no limit that is applied while its owner is disabled escapes', async () => {
    const other = await get().openAgain()
    for (let round = 0; round < 6; round += 1) {
      const path = `escape-${round}`
      await other.ownerBook.createOwner(`${path}/team`, NO_RULES, { withParents: true })
      const owners = [`${path}/team`, `${path}/new`].map((each) => ({
        path: each,
        disabled: undefined,
        rules: NO_RULES,
        labels: {},
        limits: [{ unit: 'requests', period: 'day', zone: 'UTC', amount: 1 } as const],
      }))
      await Promise.all([
        book().applyState({ guardrails: undefined, policies: undefined, models: undefined, owners }, YES),
        other.ownerBook.setOwnerDisabled(path, true),
      ])
    }
    await other.close()
    const rows = await get().read(
      `SELECT o.path, q.usable_until FROM quota_limit l JOIN quota q ON q.id = l.quota_id
       JOIN owner o ON o.id = l.subject_id WHERE o.path LIKE 'escape-%'`,
    )
    expect(rows).toHaveLength(12)
    expect(rows.filter((row) => Number(row['usable_until']) !== 0)).toEqual([])
  })

  test('no policy is pruned while it is given to a key, and the registry holds what all of them wrote', async () => {
    const other = await get().openAgain()
    const { policyBook, keyStore, ownerBook } = get().store
    await book().applyState(EMPTY, PRUNE)
    await ownerBook.createOwner('giver', NO_RULES)
    const plain = { ...NO_POLICY_RULES, shadow: false }
    for (let round = 0; round < 8; round += 1) {
      const name = `given-${round}`
      await book().applyState({ ...EMPTY, owners: undefined, policies: [{ name, ...plain }] }, PRUNE)
      const drafts = [aDraft({ ownerPath: 'giver', rules: { ...NO_RULES, policies: [name] } })]
      const [pruned, given] = await Promise.allSettled([
        book().applyState({ ...EMPTY, owners: undefined, models: undefined, guardrails: undefined }, PRUNE),
        other.keyBook.createKeys(drafts),
        other.policyBook.createGuardrail(`beside-${round}`),
      ])
      expect([pruned.status, given.status].toSorted()).toEqual(['fulfilled', 'rejected'])
      if (given.status === 'fulfilled') for (const { id } of given.value) await other.keyBook.revokeKey(id)
      const { registry } = await keyStore.find(aDigest(), -1, get().newCall())
      expect(registry?.policies).toEqual(await policyBook.listPolicies())
      expect(registry?.guardrails).toEqual([`beside-${round}`])
    }
    await other.close()
  })

  test('charges go on meanwhile, and each is counted', async () => {
    await book().applyState(thousand(), PRUNE)
    const { quotas } = await createKey(get(), { ownerPath: 'o0/t1' })
    let isDone = false
    let charged = 0
    const charge = async () => {
      while (!isDone) {
        const { outcome } = await get().store.ledger.charge(quotas, 1, get().newCall())
        expect(outcome).toBe('charged')
        charged += 1
        // An embedded store answers without waiting: others would never get a turn.
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    const charging = [charge(), charge()]
    const amounts = (amount: number): DeclaredState => ({
      ...thousand(),
      owners: thousand().owners.map((owner) => ({
        ...owner,
        limits: owner.limits.map((limit) => ({ ...limit, amount })),
      })),
    })
    await until(() => charged > 10)
    for (const amount of [900_000, 800_000]) await book().applyState(amounts(amount), YES)
    isDone = true
    await Promise.all(charging)
    for (const { id, implicit } of quotas)
      expect(await quotaRow(get(), id)).toMatchObject({
        used: charged,
        ...(implicit ? {} : { amount: 800_000 }),
      })
  })
})

test.each([
  ['once: it is done again, whole', 1, 'applied'],
  ['each time: nothing of it is done', Number.POSITIVE_INFINITY, 'refused'],
] as const)('a connection that is killed in the middle, %s', async (_how, most, end) => {
  const opened = await openMariadbStore()
  try {
    await opened.store.migrate()
    await opened.store.stateBook.applyState({ ...EMPTY, guardrails: ['old'] }, YES)
    const before = await everyRow(opened)
    const held = await holdRows(opened.url, [])
    // The very last that an apply needs.
    await held.run('SELECT value FROM change_counter WHERE id = 1 FOR UPDATE')
    let ended: string | undefined
    const applying = opened.store.stateBook.applyState(thousand(), YES).then(
      () => (ended = 'applied'),
      () => (ended = 'refused'),
    )
    const killed = new Set<number>()
    while (killed.size < most && ended === undefined)
      for (const id of await atTheCounter(opened)) {
        if (killed.has(id)) continue
        await runOnMariadb(`KILL CONNECTION ${id}`).catch(() => undefined)
        killed.add(id)
      }
    await until(async () => ended !== undefined || (await atTheCounter(opened)).some((id) => !killed.has(id)))
    expect(await everyRow(opened)).toEqual(before)
    await held.letGo()
    expect(await applying).toBe(end)
    if (end === 'refused') expect(await everyRow(opened)).toEqual(before)
    else expect((await opened.store.stateBook.applyState(thousand(), YES)).differences).toEqual([])
  } finally {
    await opened.close()
  }
})

/** Connections that wait for the number of their changes. */
const atTheCounter = async ({ url }: TestStore): Promise<readonly number[]> => {
  const rows = await runOnMariadb(
    `SELECT id FROM information_schema.processlist WHERE db = '${new URL(url).pathname.slice(1)}'
     AND command IN ('Query', 'Execute') AND info LIKE 'update %change_counter%'`,
  )
  return rows.map(({ id }) => Number(id))
}

const EMPTY: StoredState = { guardrails: [], policies: [], models: [], owners: [] }
const COMMAND = 'vitest run test/contract/state-book-whole.test.ts'

const byName =
  <T>(nameOf: (object: T) => string) =>
  (a: T, b: T) =>
    nameOf(a) < nameOf(b) ? -1 : 1

const sortedState = ({ guardrails, policies, models, owners }: StoredState): StoredState => ({
  guardrails: guardrails.toSorted(),
  policies: policies.toSorted(byName(({ name }) => name)),
  models: models.toSorted(byName(({ name }) => name)),
  owners: owners.toSorted(byName(({ path }) => path)),
})
