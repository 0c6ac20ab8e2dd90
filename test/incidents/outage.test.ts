// What a lost database did to others: valid keys told that they are wrong, every pod taken out, limits that nobody kept.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { CheckResponse } from '../../src/grpc/gen/envoy/service/auth/v3/external_auth.ts'
import { createClock } from '../../src/kernel/clock.ts'
import { openStore } from '../../src/store/store.ts'
import type { AppRig } from '../support/app-rig.ts'
import { aKeyIn, anApp, mintSecret } from '../support/app-rig.ts'
import { onClose } from '../support/closing.ts'
import type { EnvoyRig } from '../support/envoy-rig.ts'
import { startEnvoyRig } from '../support/envoy-rig.ts'
import type { MariadbServer } from '../support/mariadb.ts'
import { startMariadb } from '../support/mariadb.ts'
import { header } from '../support/raw-client.ts'
import { ENVOYS } from '../support/tested-envoys.ts'
import { until } from '../support/until.ts'

const LIMITS = [{ unit: 'requests', period: 'day', zone: 'UTC', amount: 100 }] as const

let server: MariadbServer
let url: string
beforeAll(async () => {
  server = await startMariadb()
  url = await server.freshDatabase()
  const preparing = await openStore({ url, clock: createClock() })
  await preparing.migrate()
  await preparing.close()
})
afterAll(() => server.stop())

/** A key with a limit and one without, both known to the replica; and one that it was never asked for. */
const anAppWithKeys = async (settings: Readonly<Record<string, string>> = {}) => {
  const elsewhere = await openStore({ url, clock: createClock() })
  onClose(() => elsewhere.close())
  const limited = await aKeyIn(elsewhere, { limits: LIMITS })
  const [unlimited, neverSeen] = [await aKeyIn(elsewhere), await aKeyIn(elsewhere)]
  const feed = { feed_interval: '10ms', cache_absent_ttl: '1h' }
  const rig = await anApp({ database_url: url, stale_grace: '1h', ...feed, ...settings })
  // Once a key that was known to be absent is admitted, the feed has told of all that was changed until then.
  const last = mintSecret()
  expect(await rig.answer(last)).toMatchObject({ reason: 'invalid_key' })
  await aKeyIn(elsewhere, {}, last)
  await until(async () => (await rig.answer(last)).allowed)
  for (const { secret } of [limited, unlimited])
    expect(await rig.answer(secret)).toMatchObject({ allowed: true })
  return { rig, limited, unlimited, neverSeen }
}

/** The server comes back, and each of these passes again; what they were told until then is returned. */
const healed = async (rig: AppRig, ...secrets: readonly string[]): Promise<ReadonlySet<number>> => {
  await server.resume()
  const told = new Set<number>()
  for (const secret of secrets)
    await until(async () => {
      const { allowed, httpStatus } = await rig.answer(secret)
      told.add(httpStatus)
      return allowed
    })
  return told
}

const retryAfterOf = ({ httpResponse }: CheckResponse): string | undefined => {
  if (httpResponse?.$case !== 'deniedResponse') return undefined
  return httpResponse.value.headers.find(({ header: sent }) => sent?.key === 'retry-after')?.header?.value
}

// The look-up failed, and that was answered as if the key did not exist.
test('LiteLLM #29986 #34479 #38121: while the database is away no key is told that it is wrong, and all work again without a restart', async () => {
  const { rig, limited, neverSeen } = await anAppWithKeys()
  await server.halt('kill')
  for (const secret of [limited.secret, neverSeen.secret, mintSecret()]) {
    expect(await rig.answer(secret)).toMatchObject({ httpStatus: 503, reason: 'store_unavailable' })
    expect(Number(retryAfterOf(await rig.ask(secret)))).toBeGreaterThan(0)
  }
  // What is wrong by its form alone is known to be.
  expect(await rig.answer('lk_nonsense')).toMatchObject({ httpStatus: 401 })
  const told = await healed(rig, limited.secret, neverSeen.secret)
  expect([...told].filter((status) => status !== 200 && status !== 503)).toEqual([])
  expect(await rig.answer(mintSecret())).toMatchObject({ httpStatus: 401, reason: 'invalid_key' })
})

// Readiness asked the database, so that all replicas left at the same instant, those who could serve among them.
test('LiteLLM #34929 #34934: readiness and liveness stay as they are while keys are served from memory', async () => {
  const { rig, limited, unlimited } = await anAppWithKeys({ health_listen: '127.0.0.1:0' })
  const statuses = async () => {
    const pages = ['readyz', 'livez'].map((page) => fetch(`http://${rig.app.healthAddress}/${page}`))
    return (await Promise.all(pages)).map(({ status }) => status)
  }
  expect(await statuses()).toEqual([200, 200])
  await server.halt('kill')
  for (let each = 0; each < 5; each += 1)
    expect(await rig.answer(unlimited.secret)).toMatchObject({ allowed: true })
  expect(await statuses()).toEqual([200, 200])
  await healed(rig, limited.secret)
  expect(await statuses()).toEqual([200, 200])
})

// Whatever went wrong while a budget was written was logged, and the call passed.
test('LiteLLM #33923, Bifrost GHSA-vj9g-7rqh-x2p4: what cannot be charged is refused, every time, and nothing passes uncounted', async () => {
  const { rig, limited } = await anAppWithKeys()
  await server.halt('kill')
  const answers = await Promise.all(Array.from({ length: 50 }, () => rig.answer(limited.secret)))
  expect(answers.filter(({ allowed }) => allowed)).toEqual([])
  await healed(rig, limited.secret)
  const [limit] = await rig.app.store.limitBook.listLimits(limited.id)
  // One before and one after. A unit of which nobody was told is lost, and never used.
  expect(limit?.used).toBeGreaterThanOrEqual(2)
})

describe.each(ENVOYS)('Envoy %s', (version) => {
  let rig: EnvoyRig
  beforeAll(async () => {
    rig = await startEnvoyRig({ version })
  })
  afterAll(() => rig.close())
  beforeEach(() => void rig.received())

  test('LiteLLM #33923 #38121, Bifrost GHSA-vj9g-7rqh-x2p4: with Latchkey itself away the client is told 503 and when to come back, and no model server is asked', async () => {
    const { secret } = await rig.createKey({ limits: LIMITS })
    rig.proxy.aimAt(undefined)
    const refused = await rig.chat(secret, 'gpt-4o-mini')
    expect([refused.status, header(refused, 'retry-after')]).toEqual([503, '1'])
    expect(rig.received()).toEqual([])
    rig.proxy.aimAt(rig.app.address)
    expect((await rig.chat(secret, 'gpt-4o-mini')).status).toBe(200)
  })
})
