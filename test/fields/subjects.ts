// Makes what a request needs: a key, three owners above it, policies between them, each under a name of its own.
import type { KeyDraft } from '../../src/keys/key-book.ts'
import { createSecrets, DEFAULT_SECRET_FORMATS, digestSecret, hintOf } from '../../src/keys/secret.ts'
import type { Rules } from '../../src/policy/policy.ts'
import { NO_POLICY_RULES, NO_RULES } from '../../src/policy/policy.ts'
import type { World } from './field-world.ts'

export type MadeKey = Readonly<{ id: string; secret: string; ownerPath: string }>

export const { mint } = createSecrets(DEFAULT_SECRET_FORMATS)

let made = 0

/** Nobody else has it. */
export const newName = (): string => {
  made += 1
  return `n${made}`
}

export const rulesOf = (rules: Partial<Rules>): Rules => ({ ...NO_RULES, ...rules })

/** `a/b/c` is under `a/b`, that under `a`. */
export const newOwner = async ({ store }: World, rules: Rules = NO_RULES): Promise<string> => {
  const path = `${newName()}/team/user`
  await store.ownerBook.createOwner(path, rules, { withParents: true })
  return path
}

/** In an owner of its own, unless one is named. */
export const newKey = async (world: World, draft: Partial<KeyDraft> = {}): Promise<MadeKey> => {
  const secret = mint()
  const ownerPath = draft.ownerPath ?? (await newOwner(world))
  const plain = { name: 'k', notBeforeMs: undefined, expiresAtMs: undefined, rules: NO_RULES, limits: [] }
  const whole = { ...plain, digest: digestSecret(secret), hint: hintOf(secret), ...draft, ownerPath }
  const [record] = await world.store.keyBook.createKeys([whole])
  if (record === undefined) throw new Error('no key was made')
  return { id: record.id, secret, ownerPath }
}

/** Holders of rules, limits and switches, from the key upwards. */
export const HOLDERS = ['key', 'owner', 'parent', 'grandparent'] as const
export type Holder = (typeof HOLDERS)[number]

/** What the books call it: an id or a path. */
export const subjectOf = (holder: Holder, { id, ownerPath }: MadeKey): string => {
  const above = { key: 0, owner: 3, parent: 2, grandparent: 1 }[holder]
  return above === 0 ? id : ownerPath.split('/').slice(0, above).join('/')
}

export const setRules = async (world: World, holder: Holder, key: MadeKey, rules: Partial<Rules>) => {
  const subject = subjectOf(holder, key)
  if (holder === 'key') await world.store.keyBook.updateKey(subject, { rules })
  else await world.store.ownerBook.updateOwner(subject, { rules })
}

/** A policy that says this, given to that holder. */
export const givePolicy = async (
  world: World,
  holder: Holder,
  key: MadeKey,
  rules: Partial<Rules>,
): Promise<string> => {
  const name = newName()
  await world.store.policyBook.createPolicy({ ...NO_POLICY_RULES, ...rules, name })
  await setRules(world, holder, key, { policies: [name] })
  return name
}
