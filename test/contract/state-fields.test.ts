// Every field that an owner, a policy or a model has is stated, applied, told and exported: none can be forgotten.
import { expect, test } from 'vitest'
import { readDeclared } from '../../src/cli/apply/read-declared.ts'
import { stateText } from '../../src/cli/apply/state-text.ts'
import type { DeclaredOwner, DeclaredPolicy, StoredState } from '../../src/keys/declared-state.ts'
import type { Model } from '../../src/policy/model-catalogue.ts'
import type { Rules } from '../../src/policy/policy.ts'
import { NO_POLICY_RULES, NO_RULES } from '../../src/policy/policy.ts'
import { describeEveryStore } from '../support/stores.ts'

/** A value of each field that nobody has who says nothing. A field that is not here does not compile. */
const RULES: Required<Rules> = {
  models: ['m'],
  deniedModels: ['d'],
  paths: ['GET /v1/files/*'],
  deniedPaths: ['/v1/files'],
  networks: ['10.0.0.0/8'],
  deniedNetworks: ['10.1.2.3'],
  hours: ['Mon-Fri 08:00-18:00@Europe/Berlin'],
  policies: ['p'],
  guardrails: ['g'],
}
const { policies: _policies, ...POLICY_RULES } = RULES
const POLICY: Required<Omit<DeclaredPolicy, 'name'>> = { ...POLICY_RULES, shadow: true }
const MODEL: Required<Omit<Model, 'name'>> = { route: 'other', guardrails: ['g'] }
const OWNER: Required<Omit<DeclaredOwner, 'path' | 'rules'>> = {
  disabled: true,
  labels: { team: 'search' },
  limits: [{ unit: 'requests', period: 'day', zone: 'UTC', amount: 1 }],
}

const PLAIN = {
  policy: { name: 'x', shadow: false, ...NO_POLICY_RULES },
  model: { name: 'x', route: 'r', guardrails: [] },
  owner: { path: 'x', disabled: false, labels: {}, limits: [], rules: NO_RULES },
} as const satisfies Readonly<{ policy: DeclaredPolicy; model: Model; owner: DeclaredOwner }>

const stateOf = (more: Partial<{ policy: object; model: object; owner: object }>): StoredState => ({
  guardrails: ['g'],
  policies: [
    { ...PLAIN.policy, name: 'p' },
    { ...PLAIN.policy, ...more.policy },
  ],
  models: [{ ...PLAIN.model, ...more.model }],
  owners: [{ ...PLAIN.owner, ...more.owner }],
})

const CASES: readonly (readonly [string, string, StoredState])[] = [
  ...Object.entries(POLICY).map(
    ([field, value]) => ['policy', field, stateOf({ policy: { [field]: value } })] as const,
  ),
  ...Object.entries(MODEL).map(
    ([field, value]) => ['model', field, stateOf({ model: { [field]: value } })] as const,
  ),
  ...Object.entries(OWNER).map(
    ([field, value]) => ['owner', field, stateOf({ owner: { [field]: value } })] as const,
  ),
  ...Object.entries(RULES).map(
    ([field, value]) =>
      ['owner', field, stateOf({ owner: { rules: { ...NO_RULES, [field]: value } } })] as const,
  ),
]

describeEveryStore('each field', (get) => {
  const apply = async (state: StoredState) =>
    (await get().store.stateBook.applyState(state, { prune: true, dryRun: false })).differences

  test.each(CASES)('of a %s, %s, is stated, applied, told and exported', async (kind, field, state) => {
    await apply(stateOf({}))
    const { state: read, faults } = readDeclared([{ name: 'f', text: stateText(state) }])
    expect(faults).toEqual([])
    const [difference, ...more] = await apply({ ...state, ...definedOf(read) })
    expect(more).toEqual([])
    if (field === 'limits') expect(difference).toMatchObject({ action: 'create', kind: 'limit' })
    else expect(difference).toMatchObject({ action: 'update', kind, fields: [{ field }] })
    const stored = await get().store.stateBook.readState()
    expect(stored).toEqual(state)
    expect(stateText(stored)).toBe(stateText(state))
  })
})

/** Sections that are there. */
const definedOf = (sections: object): Partial<StoredState> =>
  Object.fromEntries(Object.entries(sections).filter(([, section]) => section !== undefined))
