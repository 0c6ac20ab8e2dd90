// The outage matrix: what each kind of request is answered in each state of the database, and that everything heals by itself.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createClock } from '../../src/kernel/clock.ts'
import { openStore } from '../../src/store/store.ts'
import type { AppRig } from '../support/app-rig.ts'
import { aKeyIn, anApp, mintSecret } from '../support/app-rig.ts'
import { summarise } from '../support/check-client.ts'
import { onClose } from '../support/closing.ts'
import type { OutageDatabase, Trouble } from '../support/outage-database.ts'
import { startOutageDatabase, TROUBLES } from '../support/outage-database.ts'
import { until } from '../support/until.ts'

let database: OutageDatabase
beforeAll(async () => {
  database = await startOutageDatabase()
})
afterAll(() => database.stop())

const KINDS = ['unlimited', 'limited', 'unknown', 'malformed', 'revoked'] as const
type Kind = (typeof KINDS)[number]

/** `allow (stale)`: by what was right lately. 401 is said of what is proven absent and of nothing else. */
type Told = 'allow' | 'allow (stale)' | '503, Retry-After 1' | '401'
type Row = Readonly<Record<Kind, Told>>

const HEALTHY: Row = {
  unlimited: 'allow',
  limited: 'allow',
  unknown: '401',
  malformed: '401',
  revoked: '401',
}
const AWAY: Row = {
  unlimited: 'allow (stale)',
  limited: '503, Retry-After 1',
  unknown: '503, Retry-After 1',
  malformed: '401',
  revoked: '401',
}
const MATRIX: Readonly<Record<Trouble, Row>> = {
  // Nobody waits half a second for what is known well enough; a charge is waited for.
  'slow by 500 ms': { ...HEALTHY, unlimited: 'allow (stale)', limited: 'allow (stale)' },
  refused: AWAY,
  killed: AWAY,
  'half-open': AWAY,
  'full (1040)': AWAY,
  'full (1203)': AWAY,
}
const AWAY_BEYOND_GRACE: Row = { ...AWAY, unlimited: '503, Retry-After 1', revoked: '503, Retry-After 1' }

test.each(TROUBLES)(
  '%s: each request is answered as the matrix says, ready all the while; and it heals by itself',
  async (trouble) => {
    const rig = await aRig()
    expect(await rig.row()).toEqual(HEALTHY)
    expect(await rig.readyz()).toBe(200)

    const end = await database.inflict(trouble)
    onClose(end)
    for (let time = 1; time <= 2; time += 1) expect(await rig.row()).toEqual(MATRIX[trouble])
    expect(await rig.readyz()).toBe(200)

    await end()
    await untilHealthy(rig, MATRIX[trouble])
    expect(await rig.readyz()).toBe(200)
  },
)

test('beyond the grace what is remembered is no answer any more: 503, and still no 401 for a valid key', async () => {
  const rig = await aRig({ stale_grace: '0s' })
  expect(await rig.row()).toEqual(HEALTHY)
  const end = await database.inflict('refused')
  onClose(end)
  expect(await rig.row()).toEqual(AWAY_BEYOND_GRACE)
  expect(await rig.readyz()).toBe(200)
  await end()
  await untilHealthy(rig, AWAY_BEYOND_GRACE)
})

/** On the way back each answer is that of the trouble or that of health, and none is another. */
const untilHealthy = (rig: Rig, troubled: Row): Promise<void> =>
  until(async () => {
    const row = await rig.row()
    for (const kind of KINDS)
      expect([HEALTHY[kind], troubled[kind]].map(answerOf)).toContain(answerOf(row[kind]))
    return KINDS.every((kind) => row[kind] === HEALTHY[kind])
  })

/** Without by what it is known. */
const answerOf = (told: Told): string => told.replace(' (stale)', '')

/** What the store failing may be called; what Latchkey decided is none of these. */
const CANNOT_KNOW = ['store_unavailable', 'deadline_exceeded', 'overloaded']
const DAILY = { unit: 'requests', period: 'day', zone: 'UTC', amount: 1_000_000 } as const

type Rig = Readonly<{ app: AppRig; row(): Promise<Row>; readyz(): Promise<number> }>

/** The worst case: with no time to live, every key that the cache holds is asked for again and again. */
const aRig = async (settings: Readonly<Record<string, string>> = {}): Promise<Rig> => {
  const url = await database.freshDatabase()
  const preparing = await openStore({ url, clock: createClock() })
  await preparing.migrate()
  const unlimited = await aKeyIn(preparing)
  const limited = await aKeyIn(preparing, { limits: [DAILY] })
  const revoked = await aKeyIn(preparing)
  await preparing.keyBook.revokeKey(revoked.id)
  await preparing.close()
  const app = await anApp({
    database_url: url,
    health_listen: '127.0.0.1:0',
    cache_unfed_ttl: '1ms',
    check_timeout: '2s',
    log_allow_sample_rate: '1',
    ...settings,
  })
  const ask = (path: string) => fetch(`http://${app.app.healthAddress}${path}`)
  // What the feed tells for the first time makes the cache forget.
  await until(async () => /^latchkey_feed_staleness_seconds /m.test(await (await ask('/metrics')).text()))
  const secrets: Readonly<Record<Kind, () => string>> = {
    unlimited: () => unlimited.secret,
    limited: () => limited.secret,
    // Never the same one twice: nobody has asked for it before.
    unknown: mintSecret,
    malformed: () => `${mintSecret().slice(0, -1)}!`,
    revoked: () => revoked.secret,
  }
  const row = async () => {
    const cells = await Promise.all(
      KINDS.map(async (kind) => [kind, await tell(app, secrets[kind]())] as const),
    )
    return Object.fromEntries(cells) as Row
  }
  return { app, row, readyz: async () => (await ask('/readyz')).status }
}

const tell = async (rig: AppRig, secret: string): Promise<string> => {
  const response = await rig.ask(secret)
  const { allowed, httpStatus, reason } = summarise(response)
  const id = response.dynamicMetadata?.['decision_id']
  if (allowed) {
    const cache = cacheOf(rig.log, id)
    // The feed has told within this very millisecond that nothing has changed: nothing had to be asked.
    if (cache === 'hit') return tell(rig, secret)
    return cache === 'stale' ? 'allow (stale)' : 'allow'
  }
  if (httpStatus === 401 && reason === 'invalid_key') return '401'
  const denied = response.httpResponse?.$case === 'deniedResponse' ? response.httpResponse.value : undefined
  const retryAfter = denied?.headers.find(({ header }) => header?.key === 'retry-after')?.header?.value
  if (httpStatus === 503 && CANNOT_KNOW.includes(reason)) return `503, Retry-After ${retryAfter}`
  return `${httpStatus} ${reason}`
}

const cacheOf = (log: readonly string[], decisionId: unknown): unknown =>
  log
    .map((line): Partial<Record<string, unknown>> => JSON.parse(line))
    .find(({ decision_id }) => decision_id === decisionId)?.['cache']
