// Probes and scrapers get what they need from a listener that offers nothing else.
import { afterEach, expect, it } from 'vitest'
import type { HealthDeps, HealthListener } from '../../src/telemetry/health-listener.ts'
import { startHealthListener } from '../../src/telemetry/health-listener.ts'

const listeners: HealthListener[] = []

afterEach(async () => {
  for (const listener of listeners.splice(0)) await listener.close()
})

const aListener = async (deps: Partial<HealthDeps> = {}, answerTimeoutMs = 10_000) => {
  const listener = await startHealthListener(
    { listen: '127.0.0.1:0', answerTimeoutMs },
    { components: async () => ({}), renderMetrics: async () => '', ...deps },
  )
  listeners.push(listener)
  return (path: string, init?: RequestInit) => fetch(`http://${listener.address}${path}`, init)
}

it('/livez says live, whatever does not work', async () => {
  const get = await aListener({ components: () => Promise.reject(new Error('nothing works')) })
  const response = await get('/livez')
  expect([response.status, await response.json()]).toEqual([200, { status: 'live' }])
})

it('/readyz says ready only when every component is, and names each', async () => {
  const components = { store: { ok: true }, serving: { ok: false, detail: 'draining' } }
  const get = await aListener({ components: async () => components })
  const before = await get('/readyz')
  expect([before.status, await before.json()]).toEqual([503, { status: 'not ready', components }])
  components.serving = { ok: true, detail: '' }
  const after = await get('/readyz?verbose')
  expect([after.status, await after.json()]).toEqual([200, { status: 'ready', components }])
})

it.each([
  ['fails', () => Promise.reject(new Error('store is gone')), 'store is gone'],
  ['never answers', () => new Promise<never>(() => {}), 'no answer within 20 ms'],
] as const)('/readyz says not ready when asking a component %s', async (_name, components, error) => {
  const get = await aListener({ components }, 20)
  const response = await get('/readyz')
  expect([response.status, await response.json()]).toEqual([503, { status: 'not ready', error }])
})

it('/metrics is the page as it was rendered, in the type that scrapers expect', async () => {
  const get = await aListener({ renderMetrics: async () => 'latchkey_build_info 1\n' })
  const response = await get('/metrics')
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
  expect([response.status, await response.text()]).toEqual([200, 'latchkey_build_info 1\n'])
})

it('a page that cannot be rendered is no page', async () => {
  const get = await aListener({ renderMetrics: () => Promise.reject(new Error('no')) })
  expect((await get('/metrics')).status).toBe(503)
})

it('a document that was handed in is served as it is now, and may be kept as long as it says', async () => {
  let body = '{"keys":[]}'
  const document = () => ({ body, contentType: 'application/jwk-set+json', cacheControl: 'max-age=300' })
  const listener = await startHealthListener(
    { listen: '127.0.0.1:0', documents: new Map([['/.well-known/jwks.json', document]]) },
    { components: async () => ({}), renderMetrics: async () => '' },
  )
  listeners.push(listener)
  const get = (init?: RequestInit) => fetch(`http://${listener.address}/.well-known/jwks.json`, init)
  const { status, headers } = await get()
  expect([status, headers.get('content-type'), headers.get('cache-control')]).toEqual([
    200,
    'application/jwk-set+json',
    'max-age=300',
  ])
  body = '{"keys":[{}]}'
  expect(await (await get()).text()).toBe(body)
  expect((await get({ method: 'POST' })).status).toBe(405)
})

it.each(['/.well-known/jwks.json', '/', '/livez/', '/metrics/x', '//livez', '/v1/keys', '/LIVEZ'])(
  '%s is not found',
  async (path) => {
    expect((await (await aListener())(path)).status).toBe(404)
  },
)

it('only GET and HEAD are methods', async () => {
  const get = await aListener()
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
    const response = await get('/livez', { method })
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
  }
  const head = await get('/livez', { method: 'HEAD' })
  expect([head.status, await head.text()]).toEqual([200, ''])
})

it('a port that is taken, and a socket file, are refused in words', async () => {
  const get = await aListener()
  expect((await get('/livez')).status).toBe(200)
  const deps = { components: async () => ({}), renderMetrics: async () => '' }
  const [{ address } = { address: '' }] = listeners
  await expect(startHealthListener({ listen: address }, deps)).rejects.toThrow(
    `cannot listen on ${address} for health`,
  )
  await expect(startHealthListener({ listen: 'unix:/run/x' }, deps)).rejects.toThrow('takes HOST:PORT')
})

it('closing does not wait for a connection that is kept alive', async () => {
  const get = await aListener()
  await (await get('/livez', { headers: { connection: 'keep-alive' } })).text()
  await listeners.splice(0)[0]?.close()
  await expect(get('/livez')).rejects.toThrow('fetch failed')
})
