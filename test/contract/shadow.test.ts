// What shadow mode lets pass leaves every counter as it was, on every store.
import { expect, test } from 'vitest'
import { createCheck } from '../../src/check/check.ts'
import { wouldDenyOf } from '../../src/check/decision.ts'
import type { KnownKey } from '../../src/check/usable-key.ts'
import type { KeyDraft } from '../../src/keys/key-book.ts'
import { createKeyDirectory } from '../../src/keys/key-directory.ts'
import { digestSecret } from '../../src/keys/secret.ts'
import { NO_POLICY_RULES, NO_RULES } from '../../src/policy/policy.ts'
import { createRefusalMemory } from '../../src/quota/refusal-memory.ts'
import { mintSecret } from '../support/app-rig.ts'
import { aCheckRequest } from '../support/check-requests.ts'
import { createCheckRig } from '../support/check-rig.ts'
import { onClose } from '../support/closing.ts'
import { toAuthRequest } from '../support/decoded-check.ts'
import { createKey, describeEveryStore, quotaRow } from '../support/stores.ts'

const DAY = { unit: 'requests', period: 'day', zone: 'UTC', amount: 100 } as const
const CACHE = {
  maxEntries: 100,
  maxBytes: 1e6,
  positiveTtlMs: 5_000,
  unfedTtlMs: 5_000,
  staleGraceMs: 0,
  absentTtlMs: 1_000,
  lookupTimeoutMs: 20_000,
}

describeEveryStore('shadow mode', (get) => {
  /** Asks ten times; what would have been answered each time, and the rows of all limits before and after. */
  const asked = async (draft: Partial<KeyDraft>) => {
    const { store, clock, newCall } = get()
    const rig = await createCheckRig()
    onClose(() => rig.close())
    const directory = createKeyDirectory({ store: store.keyStore, clock, options: CACHE })
    const refusals = createRefusalMemory<KnownKey>({ clock, maxEntries: 10 })
    const check = createCheck({ ...rig.deps, clock, directory, refusals, ledger: store.ledger })
    const secret = mintSecret()
    const { quotas } = await createKey(get(), { ...draft, digest: digestSecret(secret) })
    const rows = () => Promise.all(quotas.map(({ id }) => quotaRow(get(), id)))
    const before = await rows()
    const told = new Set<string | undefined>()
    for (let n = 0; n < 10; n += 1) {
      const request = toAuthRequest(aCheckRequest({ headers: [['x-api-key', secret]] }))
      const decision = await check(request, newCall())
      expect(decision.outcome).toBe('allow')
      told.add(wouldDenyOf(decision)?.reason)
      refusals.clear()
    }
    return { told: [...told], before, after: await rows() }
  }

  test('one of several limits is exhausted, of the key or of an owner above it', async () => {
    const { ownerBook, limitBook } = get().store
    for (const [path, amount] of [
      ['rich', 100],
      ['poor', 0],
    ] as const) {
      await ownerBook.createOwner(`${path}/team`, NO_RULES, { withParents: true })
      await limitBook.createLimit(path, { ...DAY, amount })
    }
    const limits = [DAY, { ...DAY, period: 'total', amount: 0 }] as const
    for (const draft of [
      { ownerPath: 'rich/team', limits },
      { ownerPath: 'poor/team', limits: [DAY] },
    ]) {
      const { told, before, after } = await asked({ ...draft, shadow: true })
      expect(told).toEqual(['quota_exhausted'])
      expect(after).toEqual(before)
    }
  })

  test('a rule of the key', async () => {
    const draft = { shadow: true, rules: { ...NO_RULES, hours: [] }, limits: [DAY] }
    const { told, before, after } = await asked(draft)
    expect(told).toEqual(['outside_hours'])
    expect(after).toEqual(before)
  })

  test('but what a policy in shadow mode would refuse is charged to limits that are in earnest', async () => {
    await get().store.policyBook.createPolicy({ ...NO_POLICY_RULES, name: 'trial', shadow: true, hours: [] })
    const { told, after } = await asked({ rules: { ...NO_RULES, policies: ['trial'] }, limits: [DAY] })
    expect(told).toEqual(['outside_hours'])
    expect(after).toMatchObject([{ used: 10 }])
  })

  test('and what would pass is charged', async () => {
    const { told, after } = await asked({ shadow: true, limits: [DAY] })
    expect(told).toEqual([undefined])
    expect(after).toMatchObject([{ used: 10 }])
  })
})
