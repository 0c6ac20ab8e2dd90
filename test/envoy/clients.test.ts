// Gemini's, Azure's and Realtime's clients on a real Envoy: the path or the query names the model, and a websocket brings its key.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { request } from 'node:http'
import { connect } from 'node:http2'
import { json } from 'node:stream/consumers'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Document } from 'yaml'
import { headerLines } from '../../src/cli/demo/received-request.ts'
import { NO_RULES } from '../../src/policy/policy.ts'
import type { EnvoyRig, MintedKey } from '../support/envoy-rig.ts'
import { startEnvoyRig } from '../support/envoy-rig.ts'
import { header } from '../support/raw-client.ts'
import { ENVOYS } from '../support/tested-envoys.ts'
import type { WebSocketServer } from '../support/websocket-server.ts'
import { startWebSocketServer } from '../support/websocket-server.ts'

const HCM = ['static_resources', 'listeners', 0, 'filter_chains', 0, 'filters', 0, 'typed_config']
const CLUSTERS = ['static_resources', 'clusters']
const ADDRESS = ['load_assignment', 'endpoints', 0, 'lb_endpoints', 0, 'endpoint', 'address']

const GENERATE = '/v1beta/models/gemini-2.5-pro:generateContent'
const CONTENTS = JSON.stringify({ contents: [{ parts: [{ text: 'Hello' }] }] })
const CHAT = JSON.stringify({ messages: [{ role: 'user', content: 'Hello' }] })
const REALTIME = '/v1/realtime?model=llama-realtime'
const KEY_ENTRY = 'openai-insecure-api-key.'
const azure = (deployment: string) =>
  `/openai/deployments/${deployment}/chat/completions?api-version=2024-10-21`

/** The model server of the llamas speaks websocket; the demo lets websockets pass, and here over HTTP/2 too. */
const withWebSockets = (port: number) => (document: Document) => {
  const at = [0, 1, 2, 3, 4, 5].find((index) => document.getIn([...CLUSTERS, index, 'name']) === 'vllm') ?? -1
  document.setIn([...CLUSTERS, at, ...ADDRESS], {
    socket_address: { address: '127.0.0.1', port_value: port },
  })
  document.setIn([...HCM, 'http2_protocol_options'], { allow_connect: true })
}

/** Rejects when it is closed instead. */
const opening = async (socket: WebSocket): Promise<void> => {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  socket.addEventListener('open', () => resolve())
  socket.addEventListener('close', ({ code }) => reject(new Error(`the websocket was closed with ${code}`)))
  await promise
}

describe.each(ENVOYS)('Envoy %s', (version) => {
  let rig: EnvoyRig
  let realtime: WebSocketServer
  let key: MintedKey
  let other: MintedKey
  beforeAll(async () => {
    realtime = await startWebSocketServer()
    rig = await startEnvoyRig({ version, change: withWebSockets(realtime.port) })
    key = await rig.createKey()
    other = await rig.createKey({ rules: { ...NO_RULES, models: ['claude-*'] } })
  })
  afterAll(async () => {
    await rig.close()
    await realtime.close()
  })
  beforeEach(() => void [rig.received(), realtime.opened()])

  const google = (secret: string, path: string, method = 'POST') =>
    rig.send({
      method,
      path,
      headers: [['x-goog-api-key', secret]],
      ...(method === 'POST' ? { body: CONTENTS } : {}),
    })

  it('a request of Gemini’s form reaches its model server with that one’s key', async () => {
    expect((await google(key.secret, GENERATE)).status).toBe(200)
    const [received] = rig.received()
    expect(received).toMatchObject({ provider: 'gemini', path: GENERATE })
    expect(received && headerLines(received, 'x-latchkey-model')).toEqual(['gemini-2.5-pro'])
    expect(received && headerLines(received, 'x-goog-api-key')).toEqual(['demo-gemini-secret'])
    expect(JSON.stringify(received?.headers)).not.toContain(key.secret)
  })

  it('and is refused in the form that Google’s SDKs parse', async () => {
    const refused = await google(other.secret, GENERATE)
    expect(refused.status).toBe(403)
    expect(JSON.parse(refused.body)).toEqual({
      error: {
        code: 403,
        message: 'The model "gemini-2.5-pro" is not allowed for this API key.',
        status: 'PERMISSION_DENIED',
        details: [
          {
            '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
            reason: 'MODEL_NOT_ALLOWED',
            domain: 'latchkey',
            metadata: { decision_id: header(refused, 'x-latchkey-decision-id') },
          },
        ],
      },
    })
    expect(rig.received()).toEqual([])
  })

  it.each([
    // Envoy resolves what needs no escape, for everybody alike.
    ['/v1beta/models/gemini-2%2e5-pro:generateContent', 'MODEL_NOT_ALLOWED'],
    ['/v1beta/models/gemini-2.5-pro%3AgenerateContent', 'PATH_NOT_ALLOWED'],
    ['/v1beta/models/claude-x%2f..%2fgemini-2.5-pro:generateContent', 'PATH_NOT_ALLOWED'],
    ['/v1beta//models/claude-x:generateContent', 'PATH_NOT_ALLOWED'],
    ['/v1beta/models/claude-x;gemini-2.5-pro:generateContent', 'PATH_NOT_ALLOWED'],
    ['/v1beta/models/claude-x/../gemini-2.5-pro:generateContent', 'MODEL_NOT_ALLOWED'],
    ['/v1beta/models/claude-x/%2e%2e/gemini-2.5-pro:generateContent', 'MODEL_NOT_ALLOWED'],
  ])('%s is no way around a rule about models', async (path, reason) => {
    const refused = await google(other.secret, path)
    expect(JSON.parse(refused.body).error.details[0].reason).toBe(reason)
    expect(rig.received()).toEqual([])
  })

  it('Gemini’s models are listed in its own shape, and one of them too', async () => {
    const list = await google(key.secret, '/v1beta/models?pageSize=50', 'GET')
    expect(list.status).toBe(200)
    const names = JSON.parse(list.body).models.map(({ name }: { name: string }) => name)
    expect(names).toContain('models/gpt-4o-mini')
    const one = await google(key.secret, '/v1beta/models/gemini-2.5-pro', 'GET')
    expect(JSON.parse(one.body)).toMatchObject({ name: 'models/gemini-2.5-pro' })
    expect((await google(other.secret, '/v1beta/models/gemini-2.5-pro', 'GET')).status).toBe(403)
    expect(rig.received()).toEqual([])
  })

  it('a request of Azure’s form goes by its deployment', async () => {
    const ask = (secret: string, deployment: string) =>
      rig.send({ path: azure(deployment), headers: [['api-key', secret]], body: CHAT })
    expect((await ask(key.secret, 'gpt-4o-mini')).status).toBe(200)
    const [received] = rig.received()
    expect(received).toMatchObject({ provider: 'openai', path: azure('gpt-4o-mini') })
    expect(received && headerLines(received, 'api-key')).toEqual([])
    const refused = await ask(other.secret, 'gpt-4o-mini')
    expect([refused.status, JSON.parse(refused.body).error.code]).toEqual([403, 'model_not_allowed'])
    expect((await ask(key.secret, 'x%2fgpt-4o-mini')).status).toBe(403)
    expect(rig.received()).toEqual([])
  })

  const upgrade = async (path: string, headers: Readonly<Record<string, string>>) => {
    const asked = request({
      host: '127.0.0.1',
      port: rig.envoy.port,
      path,
      headers: {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': randomBytes(16).toString('base64'),
        ...headers,
      },
    })
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number; code: unknown }>()
    asked.on('error', reject)
    asked.on('upgrade', (response, socket) => {
      socket.destroy()
      resolve({ status: response.statusCode ?? 0, code: undefined })
    })
    asked.on('response', (response) => {
      json(response).then((body) => {
        const { error } = body as { error: { code: unknown } }
        resolve({ status: response.statusCode ?? 0, code: error.code })
      }, reject)
    })
    asked.end()
    return promise
  }

  it('a websocket is opened with a key in a header, for the model of its query alone', async () => {
    const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` })
    expect(await upgrade(REALTIME, bearer(key.secret))).toEqual({ status: 101, code: undefined })
    const [opened] = realtime.opened()
    expect(opened?.path).toBe(REALTIME)
    expect(JSON.stringify(opened?.headers)).toContain('"x-latchkey-model","llama-realtime"')
    expect(JSON.stringify(opened?.headers)).not.toContain(key.secret)
    expect(await upgrade(REALTIME, bearer(other.secret))).toEqual({ status: 403, code: 'model_not_allowed' })
    expect(await upgrade(REALTIME, {})).toEqual({ status: 401, code: 'missing_key' })
    const twice = `${REALTIME}&model=claude-x`
    expect(await upgrade(twice, bearer(key.secret))).toEqual({ status: 400, code: 'request_malformed' })
    const chat = await upgrade('/v1/chat/completions?model=llama-realtime', bearer(key.secret))
    expect(chat).toEqual({ status: 403, code: 'path_not_allowed' })
    expect(realtime.opened()).toEqual([])
  })

  it('a browser’s websocket brings its key as a subprotocol, which goes no further', async () => {
    const offered = ['realtime', `${KEY_ENTRY}${key.secret}`, 'openai-beta.realtime-v1']
    const socket = new WebSocket(`ws://127.0.0.1:${rig.envoy.port}${REALTIME}`, offered)
    await opening(socket)
    expect(socket.protocol).toBe('realtime')
    socket.send('Hello')
    const [message] = await once(socket, 'message')
    expect(message).toMatchObject({ data: 'Hello' })
    socket.close()
    const [opened] = realtime.opened()
    const lines = opened?.headers.filter(([name]) => name.toLowerCase() === 'sec-websocket-protocol')
    expect(lines?.map(([, value]) => value)).toEqual(['realtime, openai-beta.realtime-v1'])
    expect(JSON.stringify(opened?.headers)).not.toContain(key.secret)
  })

  it('a subprotocol that is nothing but the key leaves no header behind; two keys are refused', async () => {
    const offer = (entries: string) => upgrade(REALTIME, { 'sec-websocket-protocol': entries })
    expect(await offer(`${KEY_ENTRY}${key.secret}`)).toEqual({ status: 101, code: undefined })
    const names = realtime.opened()[0]?.headers.map(([name]) => name.toLowerCase())
    expect(names).not.toContain('sec-websocket-protocol')
    const both = `${KEY_ENTRY}${key.secret}, ${KEY_ENTRY}${other.secret}`
    expect(await offer(both)).toEqual({ status: 401, code: 'ambiguous_key' })
    expect(realtime.opened()).toEqual([])
  })

  it('a websocket over HTTP/2 is asked about like any other', async () => {
    const session = connect(`http://127.0.0.1:${rig.envoy.port}`)
    await once(session, 'remoteSettings')
    const open = async (secret: string, path: string) => {
      const stream = session.request({
        ':method': 'CONNECT',
        ':protocol': 'websocket',
        ':path': path,
        ':scheme': 'http',
        ':authority': 'models.test',
        'sec-websocket-version': '13',
        'sec-websocket-protocol': `realtime, ${KEY_ENTRY}${secret}`,
      })
      const [headers] = await once(stream, 'response')
      stream.destroy()
      return headers[':status']
    }
    try {
      expect(await open(key.secret, REALTIME)).toBe(200)
      expect(JSON.stringify(realtime.opened())).not.toContain(key.secret)
      expect(await open(other.secret, REALTIME)).toBe(403)
      expect(await open(key.secret, '/v1/realtime')).toBe(400)
      expect(realtime.opened()).toEqual([])
    } finally {
      session.destroy()
    }
  })
})
