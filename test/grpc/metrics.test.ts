// The metrics page counts every Check, and its labels come from closed lists whatever clients send.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { deny } from '../../src/check/decision.ts'
import { PERIODS, UNITS } from '../../src/quota/quota.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import type { Telemetry } from '../../src/telemetry/telemetry.ts'
import { startTelemetry } from '../../src/telemetry/telemetry.ts'
import { aCheckRequest } from '../support/check-requests.ts'
import { ALL_REASONS, aListing, anAllow } from '../support/decisions.ts'
import { aClient, aServer, ask } from '../support/grpc-rig.ts'
import { samplesOf, sumIn } from '../support/metrics-page.ts'
import { aKey, anOwner, aQuota, aState } from '../support/virtual-keys.ts'

let telemetry: Telemetry

beforeAll(async () => {
  const log = createLogger({ level: 'silent', format: 'json' })
  telemetry = await startTelemetry(
    { version: '1.2.3', traces: false, metrics: true, serviceName: 'latchkey' },
    log,
  )
})

afterAll(() => telemetry.close())

const samples = async () => samplesOf(await telemetry.renderMetrics())

const sumOf = async (name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> =>
  sumIn(await samples(), name, labels)

it('counters that nothing has touched yet are there, so that an alert on them can fire the first time', async () => {
  await aServer()
  const names = (await samples()).map(({ name }) => name)
  for (const name of ['latchkey_store_reads_total', 'latchkey_store_writes_total'])
    expect(names).toContain(name)
})

it('a Check is counted by decision and reason, with its time, its cache outcome and its cost', async () => {
  const { address } = await aServer({}, async (request, call) => {
    Object.assign(call, { cache: 'miss', storeReads: 1, storeWrites: 2 })
    return request?.path === '/allow' ? anAllow() : deny('key_expired', 'words')
  })
  const counted = async () => [
    await sumOf('latchkey_checks_total', { decision: 'allow', reason: 'none' }),
    await sumOf('latchkey_checks_total', { decision: 'deny', reason: 'key_expired' }),
    await sumOf('latchkey_check_duration_seconds_count', { decision: 'allow' }),
    await sumOf('latchkey_cache_outcomes_total', { outcome: 'miss' }),
    await sumOf('latchkey_store_reads_total'),
    await sumOf('latchkey_store_writes_total'),
  ]
  const before = await counted()
  const client = aClient(address)
  for (const path of ['/allow', '/allow', '/deny']) await ask(client, aCheckRequest({ path }))
  const after = await counted()
  expect(after.map((value, at) => value - (before[at] ?? 0))).toEqual([2, 1, 2, 3, 3, 6])
})

it('a Check is in flight until it is answered', async () => {
  const began = Promise.withResolvers<void>()
  const allowed = Promise.withResolvers<void>()
  const { address } = await aServer({}, async () => {
    began.resolve()
    await allowed.promise
    return anAllow()
  })
  const before = await sumOf('latchkey_checks_in_flight')
  const asked = ask(aClient(address), aCheckRequest())
  await began.promise
  expect((await sumOf('latchkey_checks_in_flight')) - before).toBe(1)
  allowed.resolve()
  await asked
  expect(await sumOf('latchkey_checks_in_flight')).toBe(before)
})

it('a limit is near in what it allows, over in what it refuses, by unit, period and kind of subject', async () => {
  const near = [
    { state: aState({ quota: aQuota({ subject: 'key', period: 'minute' }) }), percent: 90 },
    { state: aState({ quota: aQuota({ subject: 'acme/search', period: 'month' }) }), percent: 80 },
  ]
  const limits = [
    aState({ quota: aQuota({ subject: 'acme' }), remaining: 0 }),
    aState({ quota: aQuota({ subject: 'acme/search/ann', period: 'total' }), remaining: 0 }),
    aState({ quota: aQuota({ subject: 'acme/search' }), remaining: 1 }),
  ]
  const { address } = await aServer({}, async (request) =>
    request?.path === '/near' ? anAllow({ near }) : deny('quota_exhausted', 'words', { limits }),
  )
  const count = (name: string, subject: string, period: string) =>
    sumOf(`latchkey_limits_${name}_total`, { unit: 'requests', subject, period })
  const counted = async () => [
    await count('near', 'key', 'minute'),
    await count('near', 'team', 'month'),
    await count('over', 'organisation', 'day'),
    await count('over', 'user', 'total'),
    await sumOf('latchkey_limits_near_total'),
    await sumOf('latchkey_limits_over_total'),
  ]
  const before = await counted()
  const client = aClient(address)
  for (const path of ['/near', '/near', '/over', '/over', '/over']) await ask(client, aCheckRequest({ path }))
  expect((await counted()).map((value, at) => value - (before[at] ?? 0))).toEqual([2, 2, 3, 3, 4, 6])
})

it('labels are bounded: no key, no owner, nothing that a client wrote', async () => {
  const words = ['key_secret', 'acme-secret', 'secret-model', '/secret-path', 'SECRET']
  const key = aKey({ id: 'key_secret', owners: [anOwner({ path: 'acme-secret' })] })
  const limits = [aState({ quota: aQuota({ subject: 'acme-secret', zone: 'SECRET' }), remaining: 0 })]
  const near = limits.map((state) => ({ state, percent: 99 }))
  const reasons = [...ALL_REASONS]
  const { address } = await aServer({}, async () => {
    const reason = reasons.pop()
    if (reason !== undefined) return deny(reason, 'SECRET', { key, detail: 'SECRET', limits })
    return Math.random() < 0.5
      ? anAllow({ key, model: 'secret-model', limits, near })
      : aListing(['secret-model'])
  })
  const client = aClient(address)
  for (let asked = 0; asked < ALL_REASONS.length + 20; asked += 1)
    await ask(
      client,
      aCheckRequest({ method: 'SECRET', path: '/secret-path', headers: [['x-secret', 'SECRET']] }),
    )
  const page = await telemetry.renderMetrics()
  for (const word of words) expect(page).not.toContain(word)
  const closed: Readonly<Record<string, readonly string[]>> = {
    decision: ['allow', 'deny', 'listing'],
    reason: ['none', ...ALL_REASONS],
    outcome: ['none', 'hit', 'absent', 'miss', 'joined', 'refused'],
    because: ['in_flight', 'late', 'busy', 'queue_full', 'waited_too_long', 'circuit_open'],
    unit: UNITS,
    period: PERIODS,
    subject: ['key', 'organisation', 'team', 'user'],
    version: ['1.2.3'],
    node: [process.versions.node],
  }
  for (const { labels } of await samples()) {
    const { le, ...rest } = labels
    expect(le ?? '1').toMatch(/^(\d+(\.\d+)?|\+Inf)$/)
    for (const [name, value] of Object.entries(rest)) expect(closed[name]).toContain(value)
  }
})

it('the page says what runs', async () => {
  expect(await sumOf('latchkey_build_info', { version: '1.2.3', node: process.versions.node })).toBe(1)
})
