import { afterAll, beforeAll, expect, test } from 'vitest'
import { createClock } from '../../src/kernel/clock.ts'
import { openStore } from '../../src/store/store.ts'
import { aKeyIn, anApp, mintSecret } from '../support/app-rig.ts'
import type { MariadbServer } from '../support/mariadb.ts'
import { startMariadb } from '../support/mariadb.ts'

let server: MariadbServer
beforeAll(async () => {
  server = await startMariadb()
})
afterAll(() => server.stop())

test('while the store is away: 503 for what needs it, allow for what does not, still ready; and it heals by itself', async () => {
  const url = await server.freshDatabase()
  const preparing = await openStore({ url, clock: createClock() })
  await preparing.migrate()
  await preparing.close()
  const rig = await anApp({ database_url: url, health_listen: '127.0.0.1:0', cache_positive_ttl: '1h' })
  const limits = [{ unit: 'requests', period: 'day', zone: 'UTC', amount: 100 }] as const
  const unlimited = await aKeyIn(rig.app.store)
  const limited = await aKeyIn(rig.app.store, { limits })
  const readyz = async () => {
    const response = await fetch(`http://${rig.app.healthAddress}/readyz`)
    const { components } = (await response.json()) as { components: { store: { ok: boolean } } }
    return { status: response.status, storeOk: components.store.ok }
  }
  for (const { secret } of [unlimited, limited])
    expect(await rig.answer(secret)).toMatchObject({ allowed: true })
  expect(await readyz()).toEqual({ status: 200, storeOk: true })

  await server.halt('kill')
  expect(await rig.answer(unlimited.secret)).toMatchObject({ allowed: true })
  expect(await rig.answer(limited.secret)).toMatchObject({ httpStatus: 503, reason: 'store_unavailable' })
  expect(await rig.answer(mintSecret())).toMatchObject({ httpStatus: 503, reason: 'store_unavailable' })
  expect(await readyz()).toEqual({ status: 200, storeOk: false })

  await server.resume()
  await expect.poll(() => rig.answer(limited.secret), { timeout: 20_000 }).toMatchObject({ allowed: true })
  expect(await rig.answer(mintSecret())).toMatchObject({ httpStatus: 401, reason: 'invalid_key' })
  expect(await readyz()).toEqual({ status: 200, storeOk: true })
})
