// Whatever else is said of keys and owners: when they may be used, whether they are switched on, what they are called.
import { expect } from 'vitest'
import type { DenyReason } from '../../src/check/decision.ts'
import type { KeyDraft, OwnerRecord } from '../../src/keys/key-book.ts'
import { digestSecret } from '../../src/keys/secret.ts'
import type { World } from './field-world.ts'
import type { Row, Value } from './row.ts'
import { tellRow, trialRow } from './row.ts'
import { HOLDERS, mint, newKey, newOwner, rulesOf, subjectOf } from './subjects.ts'

const DAY_MS = 86_400_000
const TOMORROW_MS = Date.now() + DAY_MS

type KeyCase = Readonly<{
  draft: Readonly<Record<Value, Partial<KeyDraft>>>
  reason: DenyReason
  set?: (world: World, id: string, value: Value) => Promise<unknown>
}>

/**
 * What a key has beside rules and limits, which have tables of their own, its fail mode, which takes an outage (app/settings.test.ts),
 * and what only tells.
 */
const KEY_FIELDS: Readonly<
  Record<
    Exclude<keyof KeyDraft, 'rules' | 'limits' | 'name' | 'hint' | 'labels' | 'digest' | 'failMode'>,
    KeyCase
  >
> = {
  notBeforeMs: {
    draft: { admits: { notBeforeMs: 1 }, refuses: { notBeforeMs: TOMORROW_MS } },
    reason: 'key_not_yet_valid',
    set: ({ store }, id, value) =>
      store.keyBook.updateKey(id, { notBeforeMs: value === 'admits' ? 1 : TOMORROW_MS }),
  },
  expiresAtMs: {
    draft: { admits: { expiresAtMs: TOMORROW_MS }, refuses: { expiresAtMs: 2 } },
    reason: 'key_expired',
    set: ({ store }, id, value) =>
      store.keyBook.updateKey(id, { expiresAtMs: value === 'admits' ? TOMORROW_MS : 2 }),
  },
  disabled: {
    draft: { admits: { disabled: false }, refuses: { disabled: true } },
    reason: 'key_disabled',
    set: ({ store }, id, value) => store.keyBook.setKeyDisabled(id, value === 'refuses'),
  },
  ownerPath: {
    draft: { admits: { ownerPath: 'free' }, refuses: { ownerPath: 'barred' } },
    reason: 'model_not_allowed',
  },
  shadow: {
    draft: {
      admits: { shadow: true, rules: rulesOf({ models: [] }) },
      refuses: { shadow: false, rules: rulesOf({ models: [] }) },
    },
    reason: 'model_not_allowed',
    set: ({ store }, id, value) => store.keyBook.updateKey(id, { shadow: value === 'admits' }),
  },
}

export const keyRows = (): readonly Row[] => [
  ...Object.entries(KEY_FIELDS).map(([field, one]) => keyRow(`key ${field}`, one, {})),
  // What is wrong with a key is no rule that could be tried out first.
  ...(['notBeforeMs', 'expiresAtMs', 'disabled'] as const).map((field) =>
    keyRow(`key ${field}, although it is in shadow`, KEY_FIELDS[field], { shadow: true }),
  ),
  keyRow(
    'key guardrails, although it is in shadow',
    {
      draft: {
        admits: { rules: rulesOf({ guardrails: ['pii-mask'] }) },
        refuses: { rules: rulesOf({ guardrails: ['nobody-runs-it'] }) },
      },
      reason: 'policy_unresolved',
    },
    { shadow: true },
  ),
  ...[false, true].flatMap((shadow) => [digestRow(shadow), revokedRow(shadow), rotatedRow(shadow)]),
  GRACE_ROW,
  ...HOLDERS.filter((holder) => holder !== 'key').flatMap((holder) => [
    disabledOwnerRow(holder, false),
    disabledOwnerRow(holder, true),
  ]),
  ...TOLD,
]

const although = (shadow: boolean): string => (shadow ? ', although it is in shadow' : '')

const keyRow = (name: string, { draft, reason, set }: KeyCase, more: Partial<KeyDraft>): Row =>
  trialRow(name, {
    reason,
    begin: async (world, value) => {
      const { id, secret } = await newKey(world, { ...draft[value], ...more })
      if (set === undefined) return { secret }
      return { secret, set: async (to) => void (await set(world, id, to)) }
    },
  })

/** Only the secret that it was made of. */
const digestRow = (shadow: boolean): Row =>
  trialRow(`key digest${although(shadow)}`, {
    reason: 'invalid_key',
    begin: async (world, value) => {
      const secret = mint()
      await newKey(world, { digest: digestSecret(secret), shadow })
      return { secret: value === 'admits' ? secret : mint() }
    },
  })

const revokedRow = (shadow: boolean): Row =>
  trialRow(`key revoked${although(shadow)}`, {
    reason: 'invalid_key',
    forGood: true,
    begin: async (world, value) => {
      const { id, secret } = await newKey(world, { shadow })
      const set = async () => void (await world.store.keyBook.revokeKey(id))
      if (value === 'refuses') await set()
      return { secret, set }
    },
  })

const rotatedRow = (shadow: boolean): Row =>
  trialRow(`secret's end${although(shadow)}`, {
    reason: 'invalid_key',
    forGood: true,
    begin: async ({ store, ...world }, value) => {
      const { id, secret } = await newKey({ store, ...world }, { shadow })
      const rotate = (graceMs: number) =>
        store.keyBook.rotateKey(id, { digest: digestSecret(mint()), hint: 'next', graceMs, force: true })
      await rotate(value === 'admits' ? DAY_MS : 0)
      return { secret, set: async () => void (await rotate(0)) }
    },
  })

/** By the clock alone: nothing is changed, and the key is remembered. */
const GRACE_ROW: Row = tellRow("secret's grace runs out", async (world) => {
  const { id, secret } = await newKey(world)
  const rotation = { digest: digestSecret(mint()), hint: 'next', force: false }
  // On a busy machine it may be over before it was asked for once.
  const { graceEndsAtMs } = await world.store.keyBook.rotateKey(id, { ...rotation, graceMs: 1_000 })
  const first = await world.ask(secret)
  if (Date.now() < graceEndsAtMs - 100) expect(first).toMatchObject({ status: 200 })
  const reason = async () => (await world.ask(secret)).reason
  await expect.poll(reason, { timeout: 15_000 }).toBe('invalid_key')
})

const disabledOwnerRow = (holder: 'owner' | 'parent' | 'grandparent', shadow: boolean): Row =>
  trialRow(`owner disabled, the ${holder}${although(shadow)}`, {
    reason: 'owner_disabled',
    begin: async (world, value) => {
      const key = await newKey(world, { shadow })
      const path = subjectOf(holder, key)
      const set = async (to: Value) =>
        void (await world.store.ownerBook.setOwnerDisabled(path, to === 'refuses'))
      await set(value)
      return { secret: key.secret, set }
    },
  })

/** Fields that only tell, and where. */
const TOLD_FIELDS: Readonly<
  Record<Extract<keyof KeyDraft, 'name' | 'hint' | 'labels'>, Row['run']> &
    Record<Exclude<keyof OwnerRecord, 'id' | 'createdAtMs' | 'rules' | 'disabled'>, Row['run']>
> = {
  name: async (world) => {
    const { id } = await newKey(world, { name: 'first name' })
    expect(await world.store.keyBook.getKey(id)).toMatchObject({ name: 'first name' })
    await world.store.keyBook.updateKey(id, { name: 'second name' })
    expect(await world.store.keyBook.getKey(id)).toMatchObject({ name: 'second name' })
  },
  hint: async (world) => {
    const { id } = await newKey(world, { hint: 'WXYZ' })
    expect(await world.store.keyBook.secretsOf(id)).toMatchObject([{ hint: 'WXYZ' }])
  },
  path: async (world) => {
    const ownerPath = await newOwner(world)
    const answer = await world.ask((await newKey(world, { ownerPath })).secret)
    expect(answer.upstream('x-latchkey-owner')).toBe(ownerPath)
    expect(await answer.facts()).toMatchObject({ owner: ownerPath })
  },
  labels: async (world) => {
    const key = await newKey(world, { labels: { team: 'search' } })
    const told = async () => await (await world.ask(key.secret)).facts()
    expect(await told()).toMatchObject({ 'label.team': 'search' })
    await world.store.ownerBook.updateOwner(key.ownerPath, { labels: { team: 'ads', site: 'north' } })
    expect(await told()).toMatchObject({ 'label.team': 'search', 'label.site': 'north' })
    await world.store.keyBook.updateKey(key.id, { labels: {} })
    expect(await told()).toMatchObject({ 'label.team': 'ads', 'label.site': 'north' })
    const top = subjectOf('grandparent', key)
    await world.store.ownerBook.updateOwner(key.ownerPath, { labels: {} })
    await world.store.ownerBook.updateOwner(top, { labels: { team: 'all' } })
    expect(await told()).toMatchObject({ 'label.team': 'all' })
    expect(await told()).not.toHaveProperty(['label.site'])
  },
}

const TOLD = Object.entries(TOLD_FIELDS).map(([field, run]) => tellRow(`told ${field}`, run))
