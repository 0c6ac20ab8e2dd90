// What a key's own times say is decided at the very millisecond, from memory: nothing has to be looked up again.
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { CheckRig } from '../support/check-rig.ts'
import { createCheckRig } from '../support/check-rig.ts'

let rig: CheckRig
beforeAll(async () => {
  rig = await createCheckRig()
})
afterAll(() => rig.close())

const ask = async (secret: string) => {
  const { decision } = await rig.ask({ headers: [['authorization', `Bearer ${secret}`]] })
  return decision.outcome === 'deny' ? decision.reason : decision.outcome
}

test('not-before is the first millisecond in which a remembered key is admitted', async () => {
  const { secret } = await rig.createKey({ notBeforeMs: rig.clock.now() + 1_000 })
  // A refusal drops what is remembered, at most once a second: the second one is remembered.
  expect([await ask(secret), await ask(secret)]).toEqual(['key_not_yet_valid', 'key_not_yet_valid'])
  rig.storeCalls()
  rig.clock.advance(999)
  expect(await ask(secret)).toBe('key_not_yet_valid')
  rig.clock.advance(1)
  expect(await ask(secret)).toBe('allow')
  expect(rig.storeCalls()).toBe(0)
})

test('expiry is the first millisecond in which a remembered key is refused', async () => {
  const { secret } = await rig.createKey({ expiresAtMs: rig.clock.now() + 1_000 })
  expect(await ask(secret)).toBe('allow')
  rig.storeCalls()
  rig.clock.advance(999)
  expect(await ask(secret)).toBe('allow')
  rig.clock.advance(1)
  expect(await ask(secret)).toBe('key_expired')
  expect(rig.storeCalls()).toBe(0)
})
