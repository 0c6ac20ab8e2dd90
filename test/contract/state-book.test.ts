// A whole configuration applied at once, on every store: all of it or nothing, and nothing the second time.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type {
  DeclaredOwner,
  DeclaredPolicy,
  DeclaredState,
  StoredState,
} from '../../src/keys/declared-state.ts'
import { isSame } from '../../src/keys/state-plan.ts'
import { NO_POLICY_RULES, NO_RULES } from '../../src/policy/policy.ts'
import { FOREVER } from '../../src/quota/quota.ts'
import { storedStates } from '../support/generated-states.ts'
import { createKey, describeEveryStore, lookUp, quotaRow } from '../support/stores.ts'

const NOTHING: StoredState = { guardrails: [], policies: [], models: [], owners: [] }
const DAY = { unit: 'requests', period: 'day', zone: 'UTC', amount: 100 } as const
const MONTH = { ...DAY, period: 'month', zone: 'Europe/Berlin' } as const
const aPolicy = (name: string, more: Partial<DeclaredPolicy> = {}): DeclaredPolicy => ({
  ...NO_POLICY_RULES,
  name,
  shadow: false,
  ...more,
})
const anOwner = (path: string, more: Partial<DeclaredOwner> = {}): DeclaredOwner => ({
  path,
  disabled: undefined,
  rules: NO_RULES,
  labels: {},
  limits: [],
  ...more,
})
const STATE: StoredState = {
  guardrails: ['audit', 'pii-mask'],
  policies: [
    { ...NO_POLICY_RULES, name: 'default', shadow: false, models: ['gpt-4o*'], guardrails: ['pii-mask'] },
  ],
  models: [{ name: 'gpt-4o*', route: 'openai', guardrails: ['pii-mask'] }],
  owners: [
    anOwner('acme', { disabled: false, limits: [DAY, MONTH] }),
    anOwner('acme/search', { disabled: false, rules: { ...NO_RULES, policies: ['default'] } }),
  ],
}

describeEveryStore('a configuration as a whole', (get) => {
  const book = () => get().store.stateBook
  const apply = (state: DeclaredState, { prune = false, dryRun = false } = {}) =>
    book().applyState(state, { prune, dryRun })
  const startWith = async (state: StoredState) => {
    await apply(NOTHING, { prune: true })
    await apply(state)
  }
  const everyRow = async () => {
    const rows = []
    for (const table of TABLES) rows.push(await get().read(`SELECT * FROM ${table}`))
    return rows
  }
  const lines = async (state: DeclaredState, options = {}) =>
    (await apply(state, options)).differences.map(({ action, kind, name }) => `${action} ${kind} ${name}`)

  test('what was applied is what is read, in the order in which it was needed', async () => {
    expect(await lines(STATE)).toEqual([
      'create guardrail audit',
      'create guardrail pii-mask',
      'create policy default',
      'create model gpt-4o*',
      'create owner acme',
      'create owner acme/search',
      'create limit requests/day on acme',
      'create limit requests/month@Europe/Berlin on acme',
    ])
    expect(await book().readState()).toEqual(STATE)
  })

  test('applying again changes nothing: no row of any table, no change in the feed', async () => {
    await startWith(STATE)
    const before = await everyRow()
    expect(await apply(STATE, { prune: true })).toEqual({ differences: [], left: [] })
    expect(await everyRow()).toEqual(before)
  })

  test('a dry run tells the same and does nothing', async () => {
    await startWith(STATE)
    const before = await everyRow()
    const wanted = { ...NOTHING, guardrails: ['new'], owners: [anOwner('other', { limits: [DAY] })] }
    const told = await apply(wanted, { prune: true, dryRun: true })
    expect(await everyRow()).toEqual(before)
    expect(await apply(wanted, { prune: true })).toEqual(told)
    expect(told.differences).toHaveLength(9)
  })

  test('an object is stated whole, and an update tells what each field was and becomes', async () => {
    await startWith(STATE)
    const policies = [aPolicy('default', { models: ['b', 'a'], deniedModels: ['x'], guardrails: [] })]
    const owners = [anOwner('acme', { limits: [{ ...DAY, amount: 7 }] }), anOwner('acme/search')]
    const { differences, left } = await apply({ ...STATE, policies, owners })
    expect(differences).toEqual([
      {
        action: 'update',
        kind: 'policy',
        name: 'default',
        fields: [
          { field: 'models', before: ['gpt-4o*'], after: ['b', 'a'] },
          { field: 'deniedModels', before: [], after: ['x'] },
          { field: 'guardrails', before: ['pii-mask'], after: [] },
        ],
      },
      {
        action: 'update',
        kind: 'owner',
        name: 'acme/search',
        fields: [{ field: 'policies', before: ['default'], after: [] }],
      },
      {
        action: 'update',
        kind: 'limit',
        name: 'requests/day on acme',
        fields: [{ field: 'amount', before: 100, after: 7 }],
      },
    ])
    expect(left).toEqual([{ kind: 'limit', name: 'requests/month@Europe/Berlin on acme' }])
    // Another order of a list is no other list.
    const turned = [aPolicy('default', { models: ['a', 'b'], deniedModels: ['x'], guardrails: [] })]
    expect(await lines({ ...STATE, policies: turned, owners })).toEqual([])
    expect(await get().store.policyBook.listPolicies()).toMatchObject([{ name: 'default', version: 2 }])
  })

  test('nothing is deleted unless told, and never in a section that is not there', async () => {
    await startWith(STATE)
    expect(await lines(NOTHING)).toEqual([])
    expect((await apply(NOTHING)).left).toHaveLength(6)
    const silent = { guardrails: undefined, policies: undefined, models: undefined, owners: undefined }
    expect(await apply(silent, { prune: true })).toEqual({ differences: [], left: [] })
    expect(await book().readState()).toEqual(STATE)
    expect(await lines(NOTHING, { prune: true })).toEqual([
      'delete owner acme',
      'delete owner acme/search',
      'delete model gpt-4o*',
      'delete policy default',
      'delete guardrail audit',
      'delete guardrail pii-mask',
    ])
    expect(await book().readState()).toEqual(NOTHING)
  })

  test('prune is refused whole, with every reason, while keys use what would go', async () => {
    await startWith(STATE)
    const rules = { ...NO_RULES, policies: ['default'], guardrails: ['audit'] }
    const { id } = await createKey(get(), { ownerPath: 'acme/search', rules })
    const before = await everyRow()
    const wanted = { ...NOTHING, guardrails: ['new'] }
    await expect(apply(wanted, { prune: true })).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringMatching(
        /owner acme\/search has keys.*policy default is named by key.*guardrail audit is named by key/,
      ) as string,
    })
    await expect(apply({ ...STATE, guardrails: ['audit'] }, { prune: true })).rejects.toMatchObject({
      faults: [
        { kind: 'policy', name: 'default', field: 'guardrails', entry: 'pii-mask' },
        { kind: 'model', name: 'gpt-4o*', field: 'guardrails', entry: 'pii-mask' },
      ],
    })
    // What no section states stays, and so does what it names.
    const guardrailsOnly = { guardrails: [], policies: undefined, models: undefined, owners: undefined }
    await expect(apply(guardrailsOnly, { prune: true })).rejects.toMatchObject({
      message: expect.stringMatching(
        /guardrail pii-mask is named by policy default; .* by model gpt-4o/,
      ) as string,
    })
    expect(await everyRow()).toEqual(before)
    await get().store.keyBook.revokeKey(id)
    expect(await lines(wanted, { prune: true })).toHaveLength(7)
  })

  test('every fault is told at once, with its object, field and entry, and nothing is applied', async () => {
    await startWith(STATE)
    const before = await everyRow()
    const faulty: DeclaredState = {
      guardrails: ['new', 'NO', 'new'],
      policies: [aPolicy('p', { models: ['ok', 'a,b'], deniedModels: [], guardrails: ['ok', '-'] })],
      models: [{ name: 'm m', route: 'R', guardrails: [] }],
      owners: [
        anOwner('key_x'),
        anOwner('a/b/c/d'),
        anOwner('acme', { limits: [DAY, DAY, { ...DAY, period: 'hour', amount: -1 }] }),
      ],
    }
    const faults = await apply(faulty).then(
      () => [],
      (error: {
        faults: readonly Readonly<{ kind: string; name: string; field?: string; entry?: string }>[]
      }) => error.faults.map(({ kind, name, field, entry }) => [kind, name, field, entry]),
    )
    expect(faults).toEqual([
      ['policy', 'p', 'models', 'a,b'],
      ['policy', 'p', 'guardrails', '-'],
      ['model', 'm m', undefined, undefined],
      ['model', 'm m', 'route', undefined],
      ['owner', 'key_x', undefined, undefined],
      ['owner', 'a/b/c/d', undefined, undefined],
      ['guardrail', 'NO', undefined, undefined],
      ['guardrail', 'new', undefined, undefined],
      ['limit', 'requests/hour on acme', undefined, undefined],
      ['limit', 'requests/day on acme', undefined, undefined],
      ['policy', 'p', 'guardrails', 'ok'],
      ['owner', 'a/b/c/d', 'path', 'a/b/c'],
    ])
    const ghosts = {
      ...STATE,
      owners: [
        anOwner('new'),
        anOwner('ghost/x', { rules: { ...NO_RULES, policies: ['p1'], guardrails: ['g1'] } }),
      ],
    }
    await expect(apply(ghosts)).rejects.toMatchObject({
      code: 'invalid',
      faults: [
        { name: 'ghost/x', field: 'guardrails', entry: 'g1', words: 'guardrail "g1" does not exist' },
        { name: 'ghost/x', field: 'policies', entry: 'p1', words: 'policy "p1" does not exist' },
        { name: 'ghost/x', field: 'path', entry: 'ghost', words: 'owner "ghost" does not exist' },
      ],
    })
    const hours = (count: number) =>
      ZONES.slice(0, count).map((zone) => ({ ...DAY, period: 'hour', zone }) as const)
    await expect(apply({ ...STATE, owners: [anOwner('acme', { limits: hours(15) })] })).rejects.toMatchObject(
      {
        faults: [{ kind: 'owner', name: 'acme', field: 'limits' }],
      },
    )
    expect(await everyRow()).toEqual(before)
  })

  test('a limit that is kept keeps what was used, also when its amount changes; one that is pruned charges nothing more', async () => {
    await startWith(STATE)
    const { digest } = await createKey(get(), { ownerPath: 'acme' })
    const key = await lookUp(get(), digest)
    const quotas = key.owners.flatMap((owner) => owner.quotas)
    const [day, month] = quotas
    if (day === undefined || month === undefined) throw new Error('acme has two limits')
    for (let n = 0; n < 3; n += 1) await get().store.ledger.charge(quotas, 1, get().newCall())
    await apply({
      ...STATE,
      owners: [anOwner('acme', { limits: [{ ...DAY, amount: 5 }] }), anOwner('acme/search')],
    })
    expect(await get().store.limitBook.listLimits('acme')).toMatchObject([
      { period: 'day', amount: 5, used: 3 },
      { period: 'month', amount: 100, used: 3 },
    ])
    expect(await quotaRow(get(), day.id)).toMatchObject({ amount: 5, used: 3 })
    await apply(
      { ...STATE, owners: [anOwner('acme', { limits: [DAY] }), anOwner('acme/search')] },
      { prune: true },
    )
    expect(await get().store.limitBook.listLimits('acme')).toMatchObject([
      { period: 'day', amount: 100, used: 3 },
    ])
    expect(await quotaRow(get(), month.id)).toMatchObject({ usable_until: 0 })
    await get().store.keyBook.revokeKey(key.id)
  })

  test('an owner that was disabled stays so until the state says otherwise, and everything below follows', async () => {
    await startWith(STATE)
    const owners = (disabled: boolean | undefined) => [
      anOwner('acme', { disabled, limits: [DAY, MONTH] }),
      anOwner('acme/new', { limits: [DAY] }),
    ]
    const until = async () => {
      const { owners: chain, usabilityQuota } = await lookUp(get(), digest)
      const ids = [usabilityQuota, ...chain.flatMap(({ quotas }) => quotas)].map(({ id }) => id)
      return Promise.all(ids.map(async (id) => (await quotaRow(get(), id)).usable_until))
    }
    await get().store.ownerBook.setOwnerDisabled('acme', true)
    expect(await lines({ ...STATE, owners: owners(undefined) })).toEqual([
      'create owner acme/new',
      'create limit requests/day on acme/new',
    ])
    const { digest, id } = await createKey(get(), { ownerPath: 'acme/new' })
    expect(await until()).toEqual([0, 0, 0, 0])
    expect(await lines({ ...STATE, owners: owners(false) })).toEqual(['update owner acme'])
    expect(await until()).toEqual([FOREVER, FOREVER, FOREVER, FOREVER])
    await apply({ ...STATE, owners: owners(true) })
    expect(await until()).toEqual([0, 0, 0, 0])
    await get().store.keyBook.revokeKey(id)
  })

  test('an apply is in the feed as what it changed, the registry once, and is announced after its commit', async () => {
    await startWith(STATE)
    const { number } = await get().store.changes.last()
    const heard: string[] = []
    const stop = get().store.onChange((change) => heard.push(change.kind))
    const policies = ['x', 'y', 'z'].map((name) => aPolicy(name, { models: [] }))
    await apply({
      ...STATE,
      policies,
      owners: [anOwner('acme', { limits: [{ ...DAY, amount: 1 }] }), anOwner('fresh')],
    })
    stop()
    const fed = await get().store.changes.changesFrom(number + 1, 100)
    const acme = await get().store.ownerBook.getOwner('acme')
    const fresh = await get().store.ownerBook.getOwner('fresh')
    expect(fed.map(({ change }) => change)).toEqual([
      { kind: 'owner', id: acme.id },
      { kind: 'owner', id: fresh.id },
      { kind: 'registry' },
    ])
    expect(heard).toEqual(['owner', 'owner', 'registry'])
  })

  test('any state becomes any other, and is then read as it was stated', async () => {
    await fc.assert(
      fc.asyncProperty(storedStates(), storedStates(), async (first, second) => {
        await startWith(first)
        await apply(second, { prune: true })
        expect(isSame(await book().readState(), second)).toBe(true)
        expect((await apply(second, { prune: true })).differences).toEqual([])
      }),
      { numRuns: process.env['LATCHKEY_PROVE'] === '1' ? 300 : 15 },
    )
  })
})

const ZONES = Intl.supportedValuesOf('timeZone')

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
