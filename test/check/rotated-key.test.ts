// The secret before a rotation stops at its instant, whatever is remembered of it.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createSecrets, DEFAULT_SECRET_FORMATS, digestSecret } from '../../src/keys/secret.ts'
import type { CheckRig } from '../support/check-rig.ts'
import { createCheckRig } from '../support/check-rig.ts'
import { aRotation } from '../support/stores.ts'

const { mint } = createSecrets(DEFAULT_SECRET_FORMATS)
const GRACE_MS = 3_000

let rig: CheckRig
beforeAll(async () => {
  rig = await createCheckRig()
})
afterAll(() => rig.close())

const ask = async (secret: string) => {
  const headers = [['authorization', `Bearer ${secret}`]] as const
  const { decision, call } = await rig.ask({ headers })
  if (decision.outcome === 'deny') return `${decision.reason}: ${decision.message}`
  return `${decision.outcome} by ${call.cache}`
}

const rotated = async (limits: Parameters<CheckRig['createKey']>[0] = {}) => {
  const { id, secret: old } = await rig.createKey(limits)
  await ask(old)
  const next = mint()
  await rig.store.keyBook.rotateKey(id, aRotation({ digest: digestSecret(next), graceMs: GRACE_MS }))
  rig.forgetEverything()
  return { id, old, next }
}

test('a remembered one is refused from the very millisecond on, in the words for a key that never was', async () => {
  const unknown = await ask(mint())
  const { old, next } = await rotated()
  expect([await ask(old), await ask(old), await ask(next)]).toEqual([
    'allow by miss',
    'allow by hit',
    'allow by miss',
  ])
  rig.clock.advance(GRACE_MS - 1)
  expect(await ask(old)).toBe('allow by hit')
  rig.storeCalls()
  rig.clock.advance(1)
  expect(await ask(old)).toBe(unknown)
  expect(rig.storeCalls()).toBe(0)
  expect(await ask(old)).toBe(unknown)
  expect(await ask(next)).toBe('allow by hit')
})

test('so is one that is remembered for an exhausted limit', async () => {
  const limits = [{ unit: 'requests', period: 'day', zone: 'UTC', amount: 0 }] as const
  const { old, next } = await rotated({ limits })
  rig.clock.advance(GRACE_MS - 1)
  expect(await ask(old)).toMatch(/^quota_exhausted/)
  rig.clock.advance(1)
  expect(await ask(old)).toMatch(/^invalid_key/)
  expect(await ask(next)).toMatch(/^quota_exhausted/)
})
