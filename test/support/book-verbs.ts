// Every verb of every book, with what it changes: a book's new method without an entry here does not compile.

import type { Change } from '../../src/keys/change-feed.ts'
import { NO_RULES } from '../../src/policy/policy.ts'
import type { Store } from '../../src/store/store.ts'
import type { TestStore } from './stores.ts'
import { aDraft, aRotation, createKey } from './stores.ts'

/** What is there for a verb to work on; everything of names nobody else uses. */
export type Ground = Readonly<{
  store: Store
  path: string
  ownerId: string
  keyId: string
  keyLimitId: number
  ownerLimitId: number
  policy: string
  guardrail: string
  model: string
  fresh: string
}>

export type Verb = Readonly<{
  carryOut(ground: Ground): Promise<unknown>
  changes(ground: Ground): readonly Change[]
  /** The same verb where it must be refused. */
  refused(ground: Ground): Promise<unknown>
}>

type Verbs<Book> = Readonly<Record<keyof Book, Verb | 'reads'>>
type Books = Readonly<{
  keyBook: Verbs<Store['keyBook']>
  ownerBook: Verbs<Store['ownerBook']>
  limitBook: Verbs<Store['limitBook']>
  policyBook: Verbs<Store['policyBook']>
}>

const DAY = { unit: 'requests', period: 'day', zone: 'UTC', amount: 100 } as const
const HOUR = { ...DAY, period: 'hour' } as const
const NOBODY = 'key_0000000000000000000000'

const key = ({ keyId }: Ground): readonly Change[] => [{ kind: 'key', id: keyId }]
const owner = ({ ownerId }: Ground): readonly Change[] => [{ kind: 'owner', id: ownerId }]
const registry = (): readonly Change[] => [{ kind: 'registry' }]

export const BOOKS: Books = {
  keyBook: {
    createKeys: {
      carryOut: ({ store, path }) =>
        store.keyBook.createKeys([aDraft({ ownerPath: path }), aDraft({ ownerPath: path })]),
      changes: () => [{ kind: 'new_keys' }],
      refused: ({ store, path }) => {
        const draft = aDraft({ ownerPath: path })
        return store.keyBook.createKeys([draft, draft])
      },
    },
    importKeys: {
      carryOut: ({ store, fresh }) =>
        store.keyBook.importKeys([aDraft({ ownerPath: `${fresh}/team` })], {
          createOwners: true,
          dryRun: false,
        }),
      changes: () => [ANY_OWNER, ANY_OWNER, { kind: 'new_keys' }],
      refused: ({ store, fresh }) =>
        store.keyBook.importKeys([aDraft({ ownerPath: fresh })], { createOwners: false, dryRun: false }),
    },
    updateKey: {
      carryOut: ({ store, keyId }) => store.keyBook.updateKey(keyId, { name: 'other' }),
      changes: key,
      refused: ({ store, keyId }) => store.keyBook.updateKey(keyId, { rules: { policies: ['no-such'] } }),
    },
    setKeyDisabled: {
      carryOut: ({ store, keyId }) => store.keyBook.setKeyDisabled(keyId, true),
      changes: key,
      refused: ({ store }) => store.keyBook.setKeyDisabled(NOBODY, true),
    },
    rotateKey: {
      carryOut: ({ store, keyId }) => store.keyBook.rotateKey(keyId, aRotation()),
      changes: key,
      refused: ({ store }) => store.keyBook.rotateKey(NOBODY, aRotation()),
    },
    secretsOf: 'reads',
    listExpiring: 'reads',
    revokeKeysOf: {
      carryOut: ({ store, path }) => store.keyBook.revokeKeysOf({ ownerPath: path, expected: 1 }),
      changes: owner,
      refused: ({ store, path }) => store.keyBook.revokeKeysOf({ ownerPath: path, expected: 7 }),
    },
    revokeKey: {
      carryOut: ({ store, keyId }) => store.keyBook.revokeKey(keyId),
      changes: key,
      refused: ({ store }) => store.keyBook.revokeKey(NOBODY),
    },
    getKey: 'reads',
    findKeyByDigest: 'reads',
    digestOfKey: 'reads',
    listKeys: 'reads',
  },
  ownerBook: {
    createOwner: {
      carryOut: ({ store, fresh }) =>
        store.ownerBook.createOwner(`${fresh}/team`, NO_RULES, { withParents: true }),
      changes: () => [ANY_OWNER, ANY_OWNER],
      refused: ({ store, path }) => store.ownerBook.createOwner(path, NO_RULES),
    },
    updateOwner: {
      carryOut: ({ store, path }) => store.ownerBook.updateOwner(path, { rules: { models: ['m'] } }),
      changes: owner,
      refused: ({ store }) => store.ownerBook.updateOwner('no-such', { rules: {} }),
    },
    setOwnerDisabled: {
      carryOut: ({ store, path }) => store.ownerBook.setOwnerDisabled(path, true),
      changes: owner,
      refused: ({ store }) => store.ownerBook.setOwnerDisabled('no-such', true),
    },
    deleteOwner: {
      carryOut: async ({ store, path, keyId }) => {
        await store.keyBook.revokeKey(keyId)
        await store.ownerBook.deleteOwner(path)
      },
      changes: (ground) => [...key(ground), ...owner(ground)],
      refused: ({ store, path }) => store.ownerBook.deleteOwner(path),
    },
    getOwner: 'reads',
    listOwners: 'reads',
  },
  limitBook: {
    createLimit: {
      carryOut: async ({ store, keyId, path }) => {
        await store.limitBook.createLimit(keyId, HOUR)
        await store.limitBook.createLimit(path, HOUR)
      },
      changes: (ground) => [...key(ground), ...owner(ground)],
      refused: ({ store, keyId }) => store.limitBook.createLimit(keyId, DAY),
    },
    updateLimit: {
      carryOut: async ({ store, keyLimitId, ownerLimitId }) => {
        await store.limitBook.updateLimit(keyLimitId, { amount: 7 })
        await store.limitBook.updateLimit(ownerLimitId, { period: 'hour' })
      },
      changes: (ground) => [...key(ground), ...owner(ground)],
      refused: ({ store, keyLimitId }) => store.limitBook.updateLimit(keyLimitId, { amount: -1 }),
    },
    deleteLimit: {
      carryOut: async ({ store, keyLimitId, ownerLimitId }) => {
        await store.limitBook.deleteLimit(keyLimitId)
        await store.limitBook.deleteLimit(ownerLimitId)
      },
      changes: (ground) => [...key(ground), ...owner(ground)],
      refused: ({ store }) => store.limitBook.deleteLimit(987_654_321),
    },
    listLimits: 'reads',
  },
  policyBook: {
    createPolicy: {
      carryOut: ({ store, fresh }) =>
        store.policyBook.createPolicy({ name: fresh, models: undefined, deniedModels: [], guardrails: [] }),
      changes: registry,
      refused: ({ store, policy }) =>
        store.policyBook.createPolicy({ name: policy, models: undefined, deniedModels: [], guardrails: [] }),
    },
    updatePolicy: {
      carryOut: ({ store, policy }) => store.policyBook.updatePolicy(policy, { deniedModels: ['m'] }),
      changes: registry,
      refused: ({ store, policy }) => store.policyBook.updatePolicy(policy, { guardrails: ['no-such'] }),
    },
    deletePolicy: {
      carryOut: ({ store, policy }) => store.policyBook.deletePolicy(policy),
      changes: registry,
      refused: ({ store }) => store.policyBook.deletePolicy('no-such'),
    },
    createGuardrail: {
      carryOut: ({ store, fresh }) => store.policyBook.createGuardrail(fresh),
      changes: registry,
      refused: ({ store, guardrail }) => store.policyBook.createGuardrail(guardrail),
    },
    deleteGuardrail: {
      carryOut: ({ store, guardrail }) => store.policyBook.deleteGuardrail(guardrail),
      changes: registry,
      refused: ({ store }) => store.policyBook.deleteGuardrail('no-such'),
    },
    createModel: {
      carryOut: ({ store, fresh }) =>
        store.policyBook.createModel({ name: fresh, route: 'r', guardrails: [] }),
      changes: registry,
      refused: ({ store, model }) =>
        store.policyBook.createModel({ name: model, route: 'r', guardrails: [] }),
    },
    updateModel: {
      carryOut: ({ store, model }) => store.policyBook.updateModel(model, { route: 'other' }),
      changes: registry,
      refused: ({ store, model }) => store.policyBook.updateModel(model, { guardrails: ['no-such'] }),
    },
    deleteModel: {
      carryOut: ({ store, model }) => store.policyBook.deleteModel(model),
      changes: registry,
      refused: ({ store }) => store.policyBook.deleteModel('no-such'),
    },
    listPolicies: 'reads',
    listGuardrails: 'reads',
    listModels: 'reads',
  },
}

/** An owner whose id nobody knows before. */
export const ANY_OWNER: Change = { kind: 'owner', id: 'any' }

let grounds = 0

export const prepareGround = async (opened: TestStore): Promise<Ground> => {
  grounds += 1
  const { store } = opened
  const [path, policy, guardrail, model, fresh] = ['o', 'p', 'g', 'm', 'f'].map((name) => `${name}${grounds}`)
  if (!path || !policy || !guardrail || !model || !fresh) throw new RangeError('five names')
  const { id: keyId } = await createKey(opened, { ownerPath: path, limits: [DAY] })
  await store.policyBook.createPolicy({ name: policy, models: undefined, deniedModels: [], guardrails: [] })
  await store.policyBook.createGuardrail(guardrail)
  await store.policyBook.createModel({ name: model, route: 'r', guardrails: [] })
  const [keyLimit] = await store.limitBook.listLimits(keyId)
  const ownerLimit = await store.limitBook.createLimit(path, DAY)
  if (keyLimit === undefined) throw new Error('the key has a limit')
  const { id: ownerId } = await store.ownerBook.getOwner(path)
  const ids = { ownerId, keyId, keyLimitId: keyLimit.id, ownerLimitId: ownerLimit.id }
  return { store, path, policy, guardrail, model, fresh, ...ids }
}
