// Latchkey gone or slow: never an Allow, never a 401, and a retried Check is charged once.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { EnvoyRig, MintedKey } from '../support/envoy-rig.ts'
import { startEnvoyRig } from '../support/envoy-rig.ts'
import type { RawResponse } from '../support/raw-client.ts'
import { header } from '../support/raw-client.ts'
import { ENVOYS } from '../support/tested-envoys.ts'

const LIMIT = { unit: 'requests', period: 'total', zone: 'UTC', amount: 5 } as const

const codeOf = (response: RawResponse): unknown => JSON.parse(response.body).error?.code

describe.each(ENVOYS)('Envoy %s', (version) => {
  let rig: EnvoyRig
  let key: MintedKey
  beforeAll(async () => {
    rig = await startEnvoyRig({ version })
  })
  afterAll(() => rig.close())
  beforeEach(async () => {
    key = await rig.createKey({ limits: [LIMIT] })
    rig.received()
  })
  afterEach(() => {
    rig.proxy.loseAnswers(0)
    rig.proxy.holdAnswers(false)
    rig.proxy.aimAt(rig.app.address)
  })

  const used = async () => (await rig.app.store.limitBook.listLimits(key.id))[0]?.used

  const expectUnavailable = (response: RawResponse, code: string) => {
    expect([response.status, codeOf(response)]).toEqual([503, code])
    expect(header(response, 'retry-after')).toBe('1')
    expect(header(response, 'x-should-retry')).toBe('true')
    expect(rig.received()).toEqual([])
  }

  it('with Latchkey down a request is refused with 503, and passes again when it is back', async () => {
    rig.proxy.aimAt(undefined)
    expectUnavailable(await rig.chat(key.secret, 'gpt-4o-mini'), 'latchkey_unavailable')
    expect(await used()).toBe(0)
    rig.proxy.aimAt(rig.app.address)
    expect((await rig.chat(key.secret, 'gpt-4o-mini')).status).toBe(200)
  })

  it('a Check that outlives the timeout is refused with 503, and the next request passes', async () => {
    rig.proxy.holdAnswers(true)
    expectUnavailable(await rig.chat(key.secret, 'gpt-4o-mini'), 'latchkey_unavailable')
    rig.proxy.holdAnswers(false)
    expect((await rig.chat(key.secret, 'gpt-4o-mini')).status).toBe(200)
  })

  it('a Check whose answer is lost is asked again and charged once', async () => {
    rig.proxy.loseAnswers(1)
    const lostBefore = rig.proxy.lost()
    const response = await rig.chat(key.secret, 'gpt-4o-mini')
    expect(rig.proxy.lost() - lostBefore).toBe(1)
    expect(response.status).toBe(200)
    expect(header(response, 'x-ratelimit-remaining-requests')).toBe('4')
    expect(await used()).toBe(1)
    expect(rig.received()).toHaveLength(1)
  })

  it('a Check of which every answer is lost costs at most one unit', async () => {
    rig.proxy.loseAnswers(10)
    const lostBefore = rig.proxy.lost()
    expectUnavailable(await rig.chat(key.secret, 'gpt-4o-mini'), 'latchkey_unavailable')
    expect(rig.proxy.lost() - lostBefore).toBe(3)
    expect(await used()).toBe(1)
  })
})
