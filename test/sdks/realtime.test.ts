// Websockets as the official SDKs open them, through the gateway as it is shipped: OpenAI's Realtime, Azure's, and Google's live API.
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { GoogleGenAI, Modality } from '@google/genai'
import OpenAI, { AzureOpenAI } from 'openai'
import type { OpenAIRealtimeEmitter } from 'openai/realtime/internal-base'
import { OpenAIRealtimeError } from 'openai/realtime/internal-base'
import { OpenAIRealtimeWebSocket } from 'openai/realtime/websocket'
import { OpenAIRealtimeWS } from 'openai/realtime/ws'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Document } from 'yaml'
import { NO_RULES } from '../../src/policy/policy.ts'
import type { MintedKey } from '../support/envoy-rig.ts'
import type { GatewayRig } from '../support/gateway-rig.ts'
import { PROVIDER_KEYS, startGateway } from '../support/gateway-rig.ts'
import { ENVOYS } from '../support/tested-envoys.ts'
import { until } from '../support/until.ts'
import type { OpenedSocket, WebSocketServer } from '../support/websocket-server.ts'
import { startWebSocketServer } from '../support/websocket-server.ts'

const VERSIONS = process.env['LATCHKEY_TEST_ENVOYS'] === 'all' ? ENVOYS : ENVOYS.slice(-1)
const MODEL = 'gpt-realtime'
/** Below a folder: without one that SDK asks for a path with two slashes in front, which no rule about paths can admit. */
const LIVE = '/live/ws/google.ai.generativelanguage.v1.GenerativeService.BidiGenerateContent'

type Session = OpenAIRealtimeEmitter & Pick<OpenAIRealtimeWebSocket, 'send' | 'close'>
type Asked = Readonly<{ url: string; secret: string; model: string }>

/** The key is a subprotocol, as in a browser; or it is in a header. */
const SESSIONS: Readonly<Record<string, (asked: Asked) => Session | Promise<Session>>> = {
  OpenAIRealtimeWebSocket: ({ url, secret, model }) =>
    new OpenAIRealtimeWebSocket({ model }, new OpenAI({ baseURL: `${url}/v1`, apiKey: secret })),
  OpenAIRealtimeWS: ({ url, secret, model }) =>
    new OpenAIRealtimeWS({ model }, new OpenAI({ baseURL: `${url}/v1`, apiKey: secret })),
  'OpenAIRealtimeWebSocket.azure': ({ url, secret, model }) =>
    OpenAIRealtimeWebSocket.azure(azure(url, secret), { deploymentName: model }),
  'OpenAIRealtimeWS.azure': ({ url, secret, model }) =>
    OpenAIRealtimeWS.azure(azure(url, secret), { deploymentName: model }),
}

const azure = (endpoint: string, apiKey: string) =>
  new AzureOpenAI({ endpoint, apiKey, apiVersion: '2024-10-21' })

const CREATED = { type: 'session.created', event_id: 'event_1', session: { type: 'realtime' } }
/** OpenAI's greets, Google's answers what is set up. */
const says = (path: string, heard: string | undefined): string => {
  if (!path.startsWith('/ws/')) return heard ?? JSON.stringify(CREATED)
  return heard === undefined ? '' : JSON.stringify({ setupComplete: {} })
}

/** The upstreams of OpenAI and of Google speak websocket here, and a route leads to the live API, which Latchkey knows no model of. */
const withWebSockets = (port: number) => (document: Document) => {
  const clusters = ['static_resources', 'clusters']
  const address = ['load_assignment', 'endpoints', 0, 'lb_endpoints', 0, 'endpoint', 'address']
  for (const at of [1, 3])
    document.setIn([...clusters, at, ...address], {
      socket_address: { address: '127.0.0.1', port_value: port },
    })
  const manager = ['static_resources', 'listeners', 0, 'filter_chains', 0, 'filters', 0, 'typed_config']
  const routes = document.getIn([...manager, 'route_config', 'virtual_hosts', 0, 'routes'])
  const live = { match: { prefix: '/live/' }, route: { cluster: 'gemini', prefix_rewrite: '/' } }
  if (routes !== null && typeof routes === 'object' && 'items' in routes && Array.isArray(routes.items))
    routes.items.unshift(document.createNode(live))
}

describe.each(VERSIONS)('Envoy %s', (version) => {
  let rig: GatewayRig
  let upstream: WebSocketServer
  let url: string
  const trusted = getCACertificates('default')
  beforeAll(async () => {
    upstream = await startWebSocketServer(says)
    rig = await startGateway({ version, change: withWebSockets(upstream.port) })
    // SDKs ask over TLS alone, and no option of theirs says whom they trust.
    setDefaultCACertificates([...trusted, rig.authority.certPem])
    await rig.app.store.policyBook.createModel({ name: MODEL, route: 'openai', guardrails: [] })
    url = `https://localhost:${rig.envoy.port}`
  })
  afterAll(async () => {
    setDefaultCACertificates(trusted)
    await rig.close()
    await upstream.close()
  })
  let known = 0
  beforeEach(() => {
    upstream.opened()
    known = denials().length
  })

  const denials = () => rig.accessEntries().filter(({ details }) => details === 'ext_authz_denied')
  /** An SDK is told no more than that it was refused: Envoy knows why. */
  const reasons = async (count: number) => {
    // Node's own WebSocket asks twice when it is refused with 401.
    const told = () =>
      new Set(
        denials()
          .slice(known)
          .map(({ latchkey }) => latchkey?.['reason']),
      )
    await until(() => told().size >= count)
    return [...told()]
  }
  const onceADay = { unit: 'requests', period: 'day', zone: 'UTC', amount: 1 } as const
  const usedOf = async ({ id }: MintedKey) => (await rig.app.store.limitBook.listLimits(id))[0]?.used
  const knowsNot = (opened: OpenedSocket | undefined, { secret }: MintedKey) =>
    expect(JSON.stringify([opened])).not.toContain(secret)

  describe.each(Object.entries(SESSIONS))('%s', (_, open) => {
    const ended = async (asked: Omit<Asked, 'url'>): Promise<unknown> => {
      const { promise, resolve, reject } = Promise.withResolvers<unknown>()
      const session = await open({ url, ...asked })
      session.on('error', resolve)
      session.on('session.created', () => reject(new Error('a session was opened')))
      return promise
    }

    it('opens a session with the operator’s key, is charged once, and no further one is opened', async () => {
      const key = await rig.createKey({ limits: [onceADay] })
      const session = await open({ url, secret: key.secret, model: MODEL })
      const { promise: created, resolve: greeted, reject } = Promise.withResolvers<void>()
      session.on('error', reject)
      session.on('session.created', () => greeted())
      await created
      for (const instructions of ['Hello', 'x'.repeat(1_000)]) {
        const echoed = new Promise((resolve) => session.once('event', resolve))
        session.send({ type: 'response.create', response: { instructions } })
        expect(await echoed).toMatchObject({ type: 'response.create', response: { instructions } })
      }
      session.close()
      const [opened, ...others] = upstream.opened()
      expect([opened?.path, others]).toEqual([expect.stringContaining(`model=${MODEL}`), []])
      const headers = new Map(opened?.headers.map(([name, value]) => [name.toLowerCase(), value]))
      expect(headers.get('authorization')).toBe(`Bearer ${PROVIDER_KEYS.openai}`)
      expect(headers.get('sec-websocket-protocol') ?? 'realtime').toBe('realtime')
      knowsNot(opened, key)
      expect(await usedOf(key)).toBe(1)
      expect(await ended({ secret: key.secret, model: MODEL })).toBeInstanceOf(OpenAIRealtimeError)
      expect(await reasons(1)).toEqual(['quota_exhausted'])
      expect([upstream.opened(), await usedOf(key)]).toEqual([[], 1])
    })

    it('ends in the SDK’s error for a key or a model that is refused, and nobody is asked', async () => {
      const other = await rig.createKey({
        rules: { ...NO_RULES, models: ['gpt-4o*'] },
        limits: [onceADay],
      })
      const unknown = `lk_${'0'.repeat(36)}`
      for (const asked of [
        { secret: unknown, model: MODEL },
        { secret: other.secret, model: MODEL },
        { secret: other.secret, model: `gpt-4o-mini, ${MODEL}` },
      ])
        expect(await ended(asked)).toBeInstanceOf(OpenAIRealtimeError)
      expect(await reasons(3)).toEqual(['invalid_key', 'model_not_allowed', 'request_malformed'])
      expect([upstream.opened(), await usedOf(other)]).toEqual([[], 0])
    })
  })

  describe('the live API of GoogleGenAI', () => {
    // The SDK writes its key into the query, where nobody reads it and nobody takes it away: it is given to the SDK as a header.
    const connect = (secret: string) =>
      new GoogleGenAI({
        apiKey: 'in-the-header',
        httpOptions: { baseUrl: `${url}/live`, headers: { 'x-goog-api-key': secret } },
      }).live.connect({
        model: 'gemini-2.5-flash',
        config: { responseModalities: [Modality.TEXT] },
        callbacks: { onmessage: () => {} },
      })

    it('is opened by a key whose rule about paths admits it, and charged once', async () => {
      const key = await rig.createKey({ rules: { ...NO_RULES, paths: [`GET ${LIVE}`] }, limits: [onceADay] })
      const session = await connect(key.secret)
      expect(session.setupComplete).toBeDefined()
      session.close()
      const [opened] = upstream.opened()
      expect(`/live${opened?.path}`).toBe(`${LIVE}?key=in-the-header`)
      const headers = new Map(opened?.headers.map(([name, value]) => [name.toLowerCase(), value]))
      expect(headers.get('x-goog-api-key')).toBe(PROVIDER_KEYS.gemini)
      knowsNot(opened, key)
      expect(await usedOf(key)).toBe(1)
      await expect(connect(key.secret)).rejects.toThrow(/429/)
      expect(await reasons(1)).toEqual(['quota_exhausted'])
      expect(upstream.opened()).toEqual([])
    })

    it('is refused where a rule about models asks for one', async () => {
      const ruled = await rig.createKey({ rules: { ...NO_RULES, models: ['gemini-*'] } })
      await expect(connect(ruled.secret)).rejects.toThrow(/403/)
      await expect(connect('lk_')).rejects.toThrow(/401/)
      expect(await reasons(2)).toEqual(['path_not_allowed', 'invalid_key'])
      expect(upstream.opened()).toEqual([])
    })
  })
})
