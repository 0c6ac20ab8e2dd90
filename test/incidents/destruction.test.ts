// Statements that took away more than they were meant to: each touches the rows it names and no other, or nothing at all.
import { expect, test } from 'vitest'
import { NO_RULES } from '../../src/policy/policy.ts'
import type { Store } from '../../src/store/store.ts'
import type { TestStore } from '../support/stores.ts'
import { createKey, describeEveryStore, openSqliteStore } from '../support/stores.ts'

const TABLES = ['owner', 'virtual_key', 'key_secret', 'guardrail', 'policy', 'model', 'quota', 'quota_limit']
const LIMIT = { unit: 'requests', period: 'day', zone: 'UTC', amount: 100 } as const
const NOTHING = { models: [], deniedModels: [], guardrails: [] }

type Row = string
type Snapshot = ReadonlyMap<string, readonly Row[]>

const snapshotOf = async (opened: TestStore): Promise<Snapshot> => {
  const rows = TABLES.map(async (table): Promise<[string, readonly Row[]]> => {
    const found = await opened.read(`SELECT * FROM ${table}`)
    return [table, found.map((row) => JSON.stringify(row))]
  })
  return new Map(await Promise.all(rows))
}

/** Rows that were changed or taken away, by table; none that was untouched. */
const touched = (before: Snapshot, after: Snapshot): Readonly<Record<string, number>> =>
  Object.fromEntries(
    TABLES.map((table) => {
      const left = new Set(after.get(table))
      return [table, before.get(table)?.filter((row) => !left.has(row)).length ?? 0] as const
    }).filter(([, count]) => count > 0),
  )

let places = 0

/** An organisation with two teams, each with two keys and limits everywhere; and things with names. */
const populate = async (opened: TestStore) => {
  const { ownerBook, limitBook, policyBook } = opened.store
  places += 1
  const org = `org-${places}`
  const keys: string[] = []
  for (const team of [`${org}/a`, `${org}/b`]) {
    await ownerBook.createOwner(team, NO_RULES, { withParents: true })
    await limitBook.createLimit(team, LIMIT)
    for (let each = 0; each < 2; each += 1)
      keys.push((await createKey(opened, { ownerPath: team, limits: [LIMIT] })).id)
  }
  const names = ['one', 'two'].map((name) => `${name}-${places}`)
  for (const name of names) {
    await policyBook.createGuardrail(name)
    await policyBook.createPolicy({ ...NOTHING, name })
    await policyBook.createModel({ name, route: 'r', guardrails: [] })
  }
  const [key = '', ...others] = keys
  return { org, key, others, name: names[0] ?? '' }
}

type Place = Awaited<ReturnType<typeof populate>>

const OPERATIONS: readonly (readonly [
  string,
  (store: Store, place: Place) => Promise<unknown>,
  Readonly<Record<string, number>>,
])[] = [
  // Its limit and the row that mirrors whether it may be used.
  ['revoking a key', ({ keyBook }, { key }) => keyBook.revokeKey(key), { virtual_key: 1, quota: 2 }],
  [
    'deleting a limit',
    async ({ limitBook }, { key }) => limitBook.deleteLimit((await limitBook.listLimits(key))[0]?.id ?? 0),
    { quota_limit: 1, quota: 1 },
  ],
  [
    'disabling a team',
    ({ ownerBook }, { org }) => ownerBook.setOwnerDisabled(`${org}/a`, true),
    { owner: 1, quota: 5 },
  ],
  [
    'deleting a team, with the revoked keys that it had',
    async ({ ownerBook, keyBook }, { org, key, others: [second = ''] }) => {
      for (const id of [key, second]) await keyBook.revokeKey(id)
      await ownerBook.deleteOwner(`${org}/a`)
    },
    // Their secrets stay, so that no import brings one back.
    { owner: 1, virtual_key: 2, quota_limit: 3, quota: 5 },
  ],
  ['deleting a policy', ({ policyBook }, { name }) => policyBook.deletePolicy(name), { policy: 1 }],
  ['deleting a guardrail', ({ policyBook }, { name }) => policyBook.deleteGuardrail(name), { guardrail: 1 }],
  ['deleting a model', ({ policyBook }, { name }) => policyBook.deleteModel(name), { model: 1 }],
]

// `WHERE a && b` was no condition at all in that dialect, and every key lost its permissions.
describeEveryStore('Unkey, a WHERE clause with &&', (get) => {
  test.each(OPERATIONS)('%s touches these rows and no other', async (_, operate, expected) => {
    await populate(get())
    const place = await populate(get())
    const before = await snapshotOf(get())
    await operate(get().store, place)
    expect(touched(before, await snapshotOf(get()))).toEqual(expected)
  })

  test('a name that could stand for many, or for none, touches nothing', async () => {
    const { org } = await populate(get())
    const { keyBook, ownerBook, limitBook, policyBook } = get().store
    const before = await snapshotOf(get())
    for (const name of ['%', '*', '', '_', '1 OR 1=1', "' OR ''='", 'key_%', `${org}/%`, `${org}/_`]) {
      const operations = [
        () => keyBook.revokeKey(name),
        () => ownerBook.deleteOwner(name),
        () => ownerBook.setOwnerDisabled(name, true),
        () => policyBook.deletePolicy(name),
        () => policyBook.deleteGuardrail(name),
        () => policyBook.deleteModel(name),
      ]
      for (const operate of operations) await expect(operate()).rejects.toMatchObject({ name: 'Rejection' })
    }
    for (const id of [0, -1, Number.NaN, 2 ** 52])
      await expect(limitBook.deleteLimit(id)).rejects.toMatchObject({ name: 'Rejection' })
    // Owners with limits, and keys that are not revoked, below it.
    await expect(ownerBook.deleteOwner(org)).rejects.toMatchObject({ code: 'conflict' })
    await expect(ownerBook.deleteOwner(`${org}/a`)).rejects.toMatchObject({ code: 'conflict' })
    expect(touched(before, await snapshotOf(get()))).toEqual({})
  })
})

test.each([
  ['owner', 3],
  ['virtual_key', 3],
  ['quota_limit', 1],
  ['policy', 4],
  ['guardrail', 5],
  ['model', 6],
] as const)(
  'Unkey, a WHERE clause with &&: a statement that took away another number of rows of %s than it should undoes everything',
  async (table, at) => {
    const opened = await openSqliteStore()
    try {
      await opened.store.migrate()
      const place = await populate(opened)
      // Revoked before, so that only the deletion is looked at.
      for (const id of [place.key, ...place.others.slice(0, 1)])
        if (at === 3) await opened.store.keyBook.revokeKey(id)
      await opened.write(`CREATE TRIGGER spared BEFORE DELETE ON ${table} BEGIN SELECT RAISE(IGNORE); END`)
      const before = await snapshotOf(opened)
      const [, operate] = OPERATIONS[at] ?? []
      await expect(operate?.(opened.store, place)).rejects.toThrow()
      expect(touched(before, await snapshotOf(opened))).toEqual({})
    } finally {
      await opened.close()
    }
  },
)
