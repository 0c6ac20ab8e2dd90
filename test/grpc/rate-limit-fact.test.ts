// A limit that Envoy's own limiter is told is one that somebody set, of the one who has it, in the form that Envoy reads.
import { expect, it } from 'vitest'
import { rateLimitFactOf } from '../../src/grpc/rate-limit-fact.ts'
import type { Period } from '../../src/quota/quota.ts'
import { FOREVER } from '../../src/quota/quota.ts'
import { aKey, anOwner, aQuota } from '../support/virtual-keys.ts'

it('nothing is told of a key without limits, never a zero', () => {
  expect(rateLimitFactOf(aKey())).toBeUndefined()
  expect(rateLimitFactOf(aKey({ quotas: [aQuota({ amount: 0 })] }))).toBeUndefined()
})

it.each<[Period, string | undefined]>([
  ['minute', 'MINUTE'],
  ['hour', 'HOUR'],
  ['day', 'DAY'],
  ['month', 'MONTH'],
  ['week', undefined],
  ['total', undefined],
])('a limit by the %s has the unit %s', (period, unit) => {
  const fact = rateLimitFactOf(aKey({ quotas: [aQuota({ period, amount: 7 })] }))
  const told = unit === undefined ? undefined : { requests_per_unit: 7, unit, subject: 'key_1' }
  expect(fact).toEqual(told)
})

it('of several the one with the smallest window is told, then the smallest, whoever has it', () => {
  const minute = (subject: string, amount: number) => aQuota({ subject, amount, period: 'minute' })
  const team = anOwner({ path: 'acme/search', quotas: [minute('acme/search', 60)] })
  const organisation = anOwner({ quotas: [minute('acme', 50), aQuota({ subject: 'acme', amount: 1 })] })
  const key = aKey({ quotas: [aQuota({ amount: 5 })], owners: [team, organisation] })
  expect(rateLimitFactOf(key)).toEqual({ requests_per_unit: 50, unit: 'MINUTE', subject: 'acme' })
  const own = aKey({ quotas: [minute('key', 49)], owners: [team, organisation] })
  expect(rateLimitFactOf(own)).toEqual({ requests_per_unit: 49, unit: 'MINUTE', subject: 'key_1' })
})

it('what only mirrors usability, or is more than Envoy can count, is not told', () => {
  expect(
    rateLimitFactOf(aKey({ quotas: [aQuota({ period: 'minute', amount: 9, implicit: true })] })),
  ).toBeUndefined()
  expect(rateLimitFactOf(aKey({ quotas: [aQuota({ amount: FOREVER })] }))).toBeUndefined()
  expect(rateLimitFactOf(aKey({ quotas: [aQuota({ amount: 2 ** 32 })] }))).toBeUndefined()
  expect(rateLimitFactOf(aKey({ quotas: [aQuota({ amount: 2 ** 32 - 1 })] }))).toBeDefined()
})
