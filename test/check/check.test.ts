// The story of a Check on a real store: who passes, what it costs, and what is told.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createCheck } from '../../src/check/check.ts'
import { NO_RULES } from '../../src/policy/policy.ts'
import type { LimitDraft } from '../../src/quota/limit-book.ts'
import { aCheckRequest } from '../support/check-requests.ts'
import type { CheckRig } from '../support/check-rig.ts'
import { createCheckRig } from '../support/check-rig.ts'
import { toAuthRequest } from '../support/decoded-check.ts'
import { recordFigure } from '../support/figures.ts'

let rig: CheckRig
beforeAll(async () => {
  rig = await createCheckRig()
})
afterAll(() => rig.close())
beforeEach(() => rig.forgetEverything())

const perDay = (amount: number): LimitDraft => ({ unit: 'requests', period: 'day', zone: 'UTC', amount })
const perMinute = (amount: number): LimitDraft => ({ ...perDay(amount), period: 'minute' })
const bearer = (secret: string) => [['authorization', `Bearer ${secret}`]] as const
const used = async (subject: string) =>
  (await rig.store.limitBook.listLimits(subject)).map((limit) => limit.used)

describe('what a Check costs the store', () => {
  test('a cold unlimited key: one read; a warm one: nothing', async () => {
    const { secret } = await rig.createKey()
    const cold = await rig.ask({ headers: bearer(secret) })
    const warm = await rig.ask({ headers: bearer(secret) })
    expect(cold.decision.outcome).toBe('allow')
    expect(cold.call).toMatchObject({ cache: 'miss', storeReads: 1, storeWrites: 0 })
    expect(warm.call).toMatchObject({ cache: 'hit', storeReads: 0, storeWrites: 0 })
  })

  test('a cold limited key: one read and one write; a warm one: one write', async () => {
    const { secret } = await rig.createKey({ limits: [perDay(10), perMinute(10)] })
    expect((await rig.ask({ headers: bearer(secret) })).call).toMatchObject({ storeReads: 1, storeWrites: 1 })
    expect((await rig.ask({ headers: bearer(secret) })).call).toMatchObject({ storeReads: 0, storeWrites: 1 })
  })

  test('10,000 concurrent Checks of one cold key: one look-up', async () => {
    const { secret } = await rig.createKey()
    rig.storeCalls()
    const asked = Array.from({ length: 10_000 }, () => rig.ask({ headers: bearer(secret) }))
    const answers = await Promise.all(asked)
    expect(answers.every(({ decision }) => decision.outcome === 'allow')).toBe(true)
    const lookUps = rig.storeCalls()
    recordFigure({ name: 'look-ups for 10,000 concurrent Checks of one cold key', value: lookUps })
    expect(lookUps).toBe(1)
  })

  test('10,000 malformed keys: no store call', async () => {
    rig.storeCalls()
    for (let n = 0; n < 10_000; n += 1) {
      const { decision } = await rig.ask({ headers: bearer(`lk_${String(n).padStart(36, 'x')}`) })
      expect(decision).toMatchObject({ outcome: 'deny', reason: 'invalid_key' })
    }
    const calls = rig.storeCalls()
    recordFigure({ name: 'store calls for 10,000 malformed keys', value: calls })
    expect(calls).toBe(0)
  })

  test('two Checks 10 ms apart on an exhausted key: no store call for the second, for a second long', async () => {
    const { secret } = await rig.createKey({ limits: [perDay(1)] })
    await rig.ask({ headers: bearer(secret) })
    const first = await rig.ask({ headers: bearer(secret) })
    expect(first.decision).toMatchObject({ outcome: 'deny', reason: 'quota_exhausted' })
    rig.storeCalls()
    rig.clock.advance(10)
    const second = await rig.ask({ headers: bearer(secret) })
    expect(second.decision).toMatchObject({ outcome: 'deny', reason: 'quota_exhausted' })
    expect(second.call).toMatchObject({ cache: 'refused', storeReads: 0, storeWrites: 0 })
    const calls = rig.storeCalls()
    recordFigure({
      name: 'store calls for the second of two Checks on an exhausted key, 10 ms apart',
      value: calls,
    })
    expect(calls).toBe(0)
    rig.clock.advance(980)
    await rig.ask({ headers: bearer(secret) })
    expect(rig.storeCalls()).toBe(0)
    rig.clock.advance(20)
    await rig.ask({ headers: bearer(secret) })
    expect(rig.storeCalls()).toBeGreaterThan(0)
  })

  test('a quota refusal drops the key, so that a change made elsewhere is seen a second later', async () => {
    const { id, secret } = await rig.createKey({ limits: [perDay(1)] })
    await rig.ask({ headers: bearer(secret) })
    await rig.ask({ headers: bearer(secret) })
    await rig.store.keyBook.updateKey(id, { rules: { models: ['gpt-4o'] } })
    rig.clock.advance(1_002)
    const { decision } = await rig.ask({ headers: bearer(secret), body: '{"model":"o3"}' })
    expect(decision).toMatchObject({ outcome: 'deny', reason: 'model_not_allowed' })
  })

  test('a caller that has left costs no look-up', async () => {
    const { secret } = await rig.createKey()
    const call = rig.newCall()
    call.cancelled = true
    rig.storeCalls()
    await expect(rig.ask({ headers: bearer(secret) }, call)).rejects.toMatchObject({
      reason: 'deadline_exceeded',
    })
    expect(rig.storeCalls()).toBe(0)
  })

  test('a blocked caller is still judged by policy first', async () => {
    const { secret } = await rig.createKey({
      limits: [perDay(1)],
      rules: { ...NO_RULES, models: ['gpt-4o'] },
    })
    await rig.ask({ headers: bearer(secret), body: '{"model":"gpt-4o"}' })
    await rig.ask({ headers: bearer(secret), body: '{"model":"gpt-4o"}' })
    rig.storeCalls()
    const { decision } = await rig.ask({ headers: bearer(secret), body: '{"model":"o3"}' })
    expect(decision).toMatchObject({ outcome: 'deny', reason: 'model_not_allowed' })
    expect(rig.storeCalls()).toBe(0)
  })
})

describe('a retried Check', () => {
  test('is charged once', async () => {
    const { id, secret } = await rig.createKey({ limits: [perDay(10)] })
    const request = { id: 'same', headers: bearer(secret), body: '{"model":"a"}' }
    await Promise.all([rig.ask(request), rig.ask(request)])
    await rig.ask(request)
    expect(await used(id)).toEqual([1])
  })

  test.each([
    ['method', { method: 'PUT' }],
    ['path', { path: '/v1/other' }],
    ['body', { body: '{"model":"a" }' }],
    ['model', { body: '{"model":"b"}' }],
    ['id', { id: 'another' }],
  ])('is another request when its %s differs', async (_what, difference) => {
    const { id, secret } = await rig.createKey({ limits: [perDay(10)] })
    const request = { id: 'same', headers: bearer(secret), body: '{"model":"a"}' }
    await rig.ask(request)
    await rig.ask({ ...request, ...difference })
    expect(await used(id)).toEqual([2])
  })

  test('with another key is charged to that key', async () => {
    const one = await rig.createKey({ limits: [perDay(10)] })
    const two = await rig.createKey({ limits: [perDay(10)] })
    await rig.ask({ id: 'same', headers: bearer(one.secret) })
    await rig.ask({ id: 'same', headers: bearer(two.secret) })
    expect([await used(one.id), await used(two.id)]).toEqual([[1], [1]])
  })

  test('of a caller that left before its charge was sent: nothing was charged', async () => {
    const { id, secret } = await rig.createKey({ limits: [perDay(10)] })
    await rig.ask({ headers: bearer(secret) })
    const call = rig.newCall()
    call.cancelled = true
    await expect(rig.ask({ headers: bearer(secret) }, call)).rejects.toMatchObject({
      reason: 'deadline_exceeded',
    })
    expect(await used(id)).toEqual([1])
  })

  /** A caller that is gone when its charge, which was sent, has taken effect. */
  const leaveWhileCharging = async (id: string, secret: string) => {
    const { ledger } = rig.deps
    const charge: typeof ledger.charge = async (quotas, units, call) => {
      const outcome = await ledger.charge(quotas, units, call)
      call.cancelled = true
      return outcome
    }
    const check = createCheck({ ...rig.deps, ledger: { ...ledger, charge } })
    const request = toAuthRequest(aCheckRequest({ id, headers: bearer(secret) }))
    await expect(check(request, rig.newCall())).rejects.toMatchObject({ reason: 'deadline_exceeded' })
  }

  test('gets the unit of a try whose caller left after its charge was sent', async () => {
    const { id, secret } = await rig.createKey({ limits: [perDay(10)] })
    await leaveWhileCharging('left, then retried', secret)
    expect(await used(id)).toEqual([1])
    const { decision } = await rig.ask({ id: 'left, then retried', headers: bearer(secret) })
    expect(decision.outcome).toBe('allow')
    expect(await used(id)).toEqual([1])
  })

  test('that never comes leaves its unit wasted, never passed on', async () => {
    const { id, secret } = await rig.createKey({ limits: [perDay(10)] })
    rig.clock.advance(15_000)
    rig.deps.retries.sweep()
    const before = rig.wasted()
    await leaveWhileCharging('left for good', secret)
    await rig.ask({ headers: bearer(secret) })
    expect(await used(id)).toEqual([2])
    rig.clock.advance(15_000)
    rig.deps.retries.sweep()
    expect(rig.wasted() - before).toBe(1)
  })
})

describe('quotas', () => {
  test('stacked limits are charged all or none', async () => {
    await rig.store.ownerBook.createOwner('org', NO_RULES)
    await rig.store.ownerBook.createOwner('org/team', NO_RULES)
    await rig.store.limitBook.createLimit('org', perDay(100))
    await rig.store.limitBook.createLimit('org/team', perDay(2))
    const { id, secret } = await rig.createKey({ ownerPath: 'org/team', limits: [perDay(50)] })
    const outcomes: string[] = []
    for (let n = 0; n < 5; n += 1) {
      rig.forgetEverything()
      outcomes.push((await rig.ask({ headers: bearer(secret) })).decision.outcome)
    }
    expect(outcomes).toEqual(['allow', 'allow', 'deny', 'deny', 'deny'])
    expect([await used('org'), await used('org/team'), await used(id)]).toEqual([[2], [2], [2]])
  })

  test('a minute’s limit is rate_limited, a longer one quota_exhausted; the one that resets last is named', async () => {
    const { secret } = await rig.createKey({ limits: [perMinute(1)] })
    await rig.ask({ headers: bearer(secret) })
    const { decision } = await rig.ask({ headers: bearer(secret) })
    expect(decision).toMatchObject({ reason: 'rate_limited', retryAfterS: expect.any(Number) })
    const both = await rig.createKey({ limits: [perMinute(1), perDay(1)] })
    await rig.ask({ headers: bearer(both.secret) })
    const again = await rig.ask({ headers: bearer(both.secret) })
    expect(again.decision).toMatchObject({
      reason: 'quota_exhausted',
      message: expect.stringMatching(
        /^The limit of 1 requests per day of this API key is exhausted; it resets at /,
      ),
    })
  })

  test('a limit raised in this process works at once', async () => {
    const { id, secret } = await rig.createKey({ limits: [perDay(1)] })
    const off = rig.store.onChange((change) => {
      rig.deps.directory.apply(change)
      rig.deps.refusals.clear()
    })
    await rig.ask({ headers: bearer(secret) })
    expect((await rig.ask({ headers: bearer(secret) })).decision.outcome).toBe('deny')
    const [limit] = await rig.store.limitBook.listLimits(id)
    await rig.store.limitBook.updateLimit(limit?.id ?? 0, { amount: 2 })
    expect((await rig.ask({ headers: bearer(secret) })).decision.outcome).toBe('allow')
    off()
  })

  test('a limit raised elsewhere works within a second', async () => {
    const { id, secret } = await rig.createKey({ limits: [perDay(1)] })
    await rig.ask({ headers: bearer(secret) })
    await rig.ask({ headers: bearer(secret) })
    const [limit] = await rig.store.limitBook.listLimits(id)
    await rig.store.limitBook.updateLimit(limit?.id ?? 0, { amount: 2 })
    rig.clock.advance(1_001)
    expect((await rig.ask({ headers: bearer(secret) })).decision.outcome).toBe('allow')
  })

  test('a key whose limit was replaced is looked up again and charged on the new row in the same Check', async () => {
    const { id, secret } = await rig.createKey({ limits: [perDay(10)] })
    await rig.ask({ headers: bearer(secret) })
    const [limit] = await rig.store.limitBook.listLimits(id)
    await rig.store.limitBook.updateLimit(limit?.id ?? 0, { period: 'month' })
    const { decision, call } = await rig.ask({ headers: bearer(secret) })
    expect(decision.outcome).toBe('allow')
    expect(call.storeReads).toBeGreaterThan(0)
    expect(await used(id)).toEqual([1])
  })
})

describe('a key that may not be used', () => {
  test('revoked while cached: the very next charged Check refuses, in the words of an unknown key', async () => {
    const { id, secret } = await rig.createKey({ limits: [perDay(10)] })
    await rig.ask({ headers: bearer(secret) })
    await rig.store.keyBook.revokeKey(id)
    expect((await rig.ask({ headers: bearer(secret) })).decision).toMatchObject({
      reason: 'invalid_key',
      message: 'The API key is not valid.',
    })
  })

  test('disabled, with a disabled owner, expired or not yet valid: told so', async () => {
    const now = rig.clock.now()
    const disabled = await rig.createKey()
    await rig.store.keyBook.setKeyDisabled(disabled.id, true)
    await rig.store.ownerBook.createOwner('gone', NO_RULES)
    const orphan = await rig.createKey({ ownerPath: 'gone' })
    await rig.store.ownerBook.setOwnerDisabled('gone', true)
    const expired = await rig.createKey({ expiresAtMs: now + 1_000 })
    const early = await rig.createKey({ notBeforeMs: now + 60_000 })
    rig.clock.advance(1_000)
    const reasons: string[] = []
    for (const { secret } of [disabled, orphan, expired, early]) {
      const { decision } = await rig.ask({ headers: bearer(secret) })
      reasons.push(decision.outcome === 'deny' ? decision.reason : decision.outcome)
    }
    expect(reasons).toEqual(['key_disabled', 'owner_disabled', 'key_expired', 'key_not_yet_valid'])
  })

  test('enabled again elsewhere works within a second', async () => {
    const { id, secret } = await rig.createKey()
    await rig.store.keyBook.setKeyDisabled(id, true)
    await rig.ask({ headers: bearer(secret) })
    await rig.ask({ headers: bearer(secret) })
    await rig.store.keyBook.setKeyDisabled(id, false)
    rig.clock.advance(1_001)
    await rig.ask({ headers: bearer(secret) })
    expect((await rig.ask({ headers: bearer(secret) })).decision.outcome).toBe('allow')
  })
})

test('what is not HTTP is refused', async () => {
  const decision = await createCheck(rig.deps)(undefined, rig.newCall())
  expect(decision).toMatchObject({ outcome: 'deny', reason: 'request_malformed' })
})
