// Who charges one by one is observed as groups are: how long it took, and what nobody knows.
import { expect, test } from 'vitest'
import { createCall } from '../../src/kernel/call.ts'
import { Failure } from '../../src/kernel/failure.ts'
import { SILENT_OBSERVER } from '../../src/quota/charge-observer.ts'
import { createObservedLedger } from '../../src/quota/observed-ledger.ts'
import type { ChargeOutcome, QuotaLedger } from '../../src/quota/quota-ledger.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { aQuota, aState } from '../support/virtual-keys.ts'

const setUp = (charge: () => Promise<ChargeOutcome>) => {
  const clock = createManualClock()
  const told: (readonly [string, number])[] = []
  const ledger: QuotaLedger = { charge, peek: async () => [aState()] }
  const observed = createObservedLedger(ledger, {
    clock,
    observer: {
      ...SILENT_OBSERVER,
      answered: (durationMs) => told.push(['answered', durationMs]),
      unknown: (units) => told.push(['unknown', units]),
    },
  })
  const ask = (units = 1) => observed.charge([aQuota()], units, createCall(clock.monotonicMs() + 10_000))
  return { clock, told, observed, ask }
}

test('an outcome is passed on, and told with its time', async () => {
  const settled = Promise.withResolvers<ChargeOutcome>()
  const { clock, told, ask } = setUp(() => settled.promise)
  const asked = ask()
  clock.advance(250)
  settled.resolve({ outcome: 'stale' })
  expect(await asked).toEqual({ outcome: 'stale' })
  expect(told).toEqual([['answered', 250]])
})

test('units of which nobody knows are told once, as many as were asked for', async () => {
  const lost = new Failure('store_unavailable', 'connection lost', { chargeUnknown: true })
  const { told, ask } = setUp(() => Promise.reject(lost))
  await expect(ask(3)).rejects.toBe(lost)
  expect(told).toEqual([
    ['unknown', 3],
    ['answered', 0],
  ])
})

test('what certainly charged nothing is not told as unknown', async () => {
  const { told, ask } = setUp(() => Promise.reject(new Failure('store_unavailable', 'not reached')))
  await expect(ask()).rejects.toThrow('not reached')
  expect(told).toEqual([['answered', 0]])
})

test('a look is passed on and no charge', async () => {
  const { told, observed } = setUp(() => Promise.reject(new Error('not asked')))
  expect(await observed.peek([aQuota()], createCall(1))).toEqual([aState()])
  expect(told).toEqual([])
})
