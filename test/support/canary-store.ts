// A store whose keys are canaries, in every state that a key can be in.
import { createClock } from '../../src/kernel/clock.ts'
import type { KeyDraft } from '../../src/keys/key-book.ts'
import { digestSecret, hintOf } from '../../src/keys/secret.ts'
import { NO_RULES } from '../../src/policy/policy.ts'
import { openStore } from '../../src/store/store.ts'
import { mintCanary } from './canary-keys.ts'

type Draft = Partial<Omit<KeyDraft, 'digest' | 'hint'>>

export type CanaryStore = Readonly<{
  secrets: readonly string[]
  /** Of the same kind, and in no store. */
  spare: readonly string[]
  /** What the secret with that number stands for. */
  stateOf(number: number): string
  /** Keys of those states, one each. */
  open: string
  ruled: string
}>

const requests = (period: 'minute' | 'day') => [{ unit: 'requests', period, zone: 'UTC', amount: 1 }] as const
const RULED = { ...NO_RULES, models: ['gpt-4o'] }

const STATES: Readonly<Record<string, Draft>> = {
  open: {},
  ruled: { rules: RULED },
  daily: { limits: requests('day') },
  minutely: { limits: requests('minute') },
  guarded: { rules: { ...NO_RULES, guardrails: ['pii'] } },
  expired: { expiresAtMs: 1 },
  early: { notBeforeMs: Date.UTC(2999, 0) },
  disabled: {},
  revoked: {},
  orphaned: { ownerPath: 'gone' },
  unknown: {},
}

const SPARE = 20

/** Migrates the database and fills it with as many keys, the states in turn. */
export const createCanaryStore = async (url: string, count: number): Promise<CanaryStore> => {
  const names = Object.keys(STATES)
  const stateOf = (number: number) => names[number % names.length] ?? ''
  const minted = Array.from({ length: count + SPARE }, (_, number) => mintCanary(number))
  const secrets = minted.slice(0, count)
  const numberOf = (state: string) => names.indexOf(state)
  const store = await openStore({ url, clock: createClock() })
  try {
    await store.migrate()
    for (const owner of ['acme', 'gone']) await store.ownerBook.createOwner(owner, NO_RULES)
    await store.policyBook.createGuardrail('pii')
    const stored = secrets.flatMap((secret, number) => {
      const state = stateOf(number)
      return state === 'unknown' ? [] : [{ state, draft: { ...PLAIN, ...STATES[state], ...formOf(secret) } }]
    })
    const records = await store.keyBook.createKeys(stored.map(({ draft }) => draft))
    for (const [at, { id }] of records.entries()) {
      if (stored[at]?.state === 'disabled') await store.keyBook.setKeyDisabled(id, true)
      if (stored[at]?.state === 'revoked') await store.keyBook.revokeKey(id)
    }
    await store.ownerBook.setOwnerDisabled('gone', true)
  } finally {
    await store.close()
  }
  const one = (state: string) => secrets[numberOf(state)] ?? ''
  return { secrets, spare: minted.slice(count), stateOf, open: one('open'), ruled: one('ruled') }
}

const formOf = (secret: string) => ({ digest: digestSecret(secret), hint: hintOf(secret) })

const PLAIN = {
  name: 'canary',
  ownerPath: 'acme',
  notBeforeMs: undefined,
  expiresAtMs: undefined,
  rules: NO_RULES,
  limits: [],
}
