// envoy/gateway.yaml as it is shipped, its addresses and files aside: TLS, three protocols, browsers, websockets, provider keys.
import { createServer } from 'node:http'
import { connect } from 'node:tls'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { NO_RULES } from '../../src/policy/policy.ts'
import { createCertificate } from '../support/certificates.ts'
import type { MintedKey } from '../support/envoy-rig.ts'
import { chatBody, MODELS } from '../support/envoy-rig.ts'
import { holdsForEveryClient, onlyLine } from '../support/gateway-behaviour.ts'
import type { GatewayRig, Protocol } from '../support/gateway-rig.ts'
import { PROVIDER_KEYS, startGateway } from '../support/gateway-rig.ts'
import type { HeaderLine, RawRequest } from '../support/raw-client.ts'
import { header } from '../support/raw-client.ts'
import { ENVOYS } from '../support/tested-envoys.ts'
import { until } from '../support/until.ts'

const PROTOCOLS: readonly Protocol[] = ['HTTP/1.1', 'HTTP/2', 'HTTP/3']
const ORIGIN: HeaderLine = ['origin', 'https://app.example.com']

const OF_INTEREST = /^(x-latchkey-.*|x-ratelimit-.*|retry-after|x-should-retry|(x-)?request-id)$/

const secretFile = (name: string, value: string): string =>
  [
    'resources:',
    '  - "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret',
    `    name: ${name}`,
    `    generic_secret: { secret: { inline_string: "${value}" } }`,
  ].join('\n')

describe.each(ENVOYS)('Envoy %s', (version) => {
  let rig: GatewayRig
  let key: MintedKey
  beforeAll(async () => {
    rig = await startGateway({ version })
    key = await rig.createKey()
  })
  afterAll(() => rig.close())
  beforeEach(() => void rig.received())

  const bearer = (secret = key.secret): HeaderLine => ['authorization', `Bearer ${secret}`]
  const chat = (model: string, headers: readonly HeaderLine[] = [bearer()]) =>
    rig.sendOver('HTTP/1.1', { headers, body: chatBody(model) })

  describe.each(PROTOCOLS)('over %s', (protocol) => {
    holdsForEveryClient(() => ({
      send: (request) => rig.sendOver(protocol, request),
      received: rig.received,
      key,
    }))

    it('a client is told where HTTP/3 is', async () => {
      const answer = await rig.sendOver(protocol, { headers: [bearer()], body: chatBody('gpt-4o-mini') })
      expect([answer.status, header(answer, 'alt-svc')]).toEqual([200, 'h3=":8443"; ma=86400'])
    })
  })

  it("each provider gets the operator's key in its own header, in place of the client's", async () => {
    await chat('gpt-4o-mini')
    await rig.sendOver('HTTP/1.1', {
      path: '/v1/messages',
      headers: [['x-api-key', key.secret]],
      body: chatBody('claude-haiku-4-5'),
    })
    await chat('llama-3')
    const [openai, anthropic, vllm] = rig.received()
    expect(onlyLine(openai, 'authorization')).toBe(`Bearer ${PROVIDER_KEYS.openai}`)
    expect(onlyLine(anthropic, 'x-api-key')).toBe(PROVIDER_KEYS.anthropic)
    expect(onlyLine(anthropic, 'authorization')).toBeUndefined()
    expect(JSON.stringify(vllm?.headers)).not.toMatch(/of-the-operator|authorization/)
    expect(JSON.stringify([openai?.headers, anthropic?.headers])).not.toMatch(/x-latchkey|x-envoy/)
  })

  it('a key that is replaced in its file is used without a restart', async () => {
    const sent = async () => {
      expect((await chat('gpt-4o-mini')).status).toBe(200)
      return onlyLine(rig.received()[0], 'authorization')
    }
    await rig.replaceFile('openai.yaml', secretFile('openai', 'Bearer renewed'))
    await until(async () => (await sent()) === 'Bearer renewed')
    await rig.replaceFile('openai.yaml', secretFile('openai', `Bearer ${PROVIDER_KEYS.openai}`))
    await until(async () => (await sent()) === `Bearer ${PROVIDER_KEYS.openai}`)
  })

  it('a guardrail that the catalogue declares for a route is promised there and nowhere else', async () => {
    const { secret } = await rig.createKey({ rules: { ...NO_RULES, guardrails: ['pii-mask'] } })
    expect((await chat('llama-3', [bearer(secret)])).status).toBe(200)
    expect(onlyLine(rig.received()[0], 'x-latchkey-guardrails')).toBe('pii-mask')
    const refused = await chat('gpt-4o-mini', [bearer(secret)])
    expect([refused.status, JSON.parse(refused.body).error.code]).toEqual([503, 'policy_unresolved'])
    expect(rig.received()).toEqual([])
  })

  describe('a browser', () => {
    const preflight = (origin: HeaderLine): RawRequest => ({
      method: 'OPTIONS',
      headers: [
        origin,
        ['access-control-request-method', 'POST'],
        ['access-control-request-headers', 'authorization,content-type'],
      ],
    })

    it.each(PROTOCOLS)(
      'asks over %s whether it may without a key, and is answered here',
      async (protocol) => {
        const answer = await rig.sendOver(protocol, preflight(ORIGIN))
        expect(answer.status).toBe(200)
        expect(header(answer, 'access-control-allow-origin')).toBe(ORIGIN[1])
        expect(header(answer, 'access-control-allow-headers')).toContain('authorization')
        expect(rig.received()).toEqual([])
      },
    )

    it('of another origin is told nothing', async () => {
      const answer = await rig.sendOver('HTTP/1.1', preflight(['origin', 'https://elsewhere.example']))
      expect(answer.status).toBe(401)
      expect(header(answer, 'access-control-allow-origin')).toBeUndefined()
    })

    it('can read what it is told of limits, retries and the decision', async () => {
      const limits = [{ unit: 'requests', period: 'day', zone: 'UTC', amount: 5 }] as const
      const { secret } = await rig.createKey({ limits })
      const told: string[] = []
      for (const headers of [[ORIGIN, bearer(secret)], [ORIGIN]]) {
        const answer = await chat('gpt-4o-mini', headers)
        const exposed = header(answer, 'access-control-expose-headers')?.split(', ') ?? []
        const ours = [...answer.headers.keys()].filter((name) => OF_INTEREST.test(name))
        expect(ours.filter((name) => !exposed.includes(name))).toEqual([])
        expect(exposed).toContain('*')
        told.push(...ours)
      }
      for (const name of ['x-ratelimit-remaining-requests', 'x-should-retry', 'x-latchkey-decision-id'])
        expect(told).toContain(name)
    })

    // A page reads a status and a body only where its origin is allowed, a header only where it is exposed.
    it.each(PROTOCOLS)(
      'reads over %s every refusal, its reason and whether to come back',
      async (protocol) => {
        const limits = [{ unit: 'requests', period: 'minute', zone: 'UTC', amount: 0 }] as const
        const spent = await rig.createKey({ limits })
        const unresolved = await rig.createKey({ rules: { ...NO_RULES, guardrails: ['nobody-runs-it'] } })
        for (const [secret, model, status, code, headers] of [
          ['lk_', 'gpt-4o-mini', 401, 'invalid_key', []],
          [key.secret, 'unheard-of', 403, 'model_not_allowed', []],
          [spent.secret, 'gpt-4o-mini', 429, 'rate_limited', ['retry-after', 'x-ratelimit-limit-requests']],
          [unresolved.secret, 'gpt-4o-mini', 503, 'policy_unresolved', ['retry-after']],
        ] as const) {
          const asked = { headers: [ORIGIN, bearer(secret)], body: chatBody(model) }
          const refused = await rig.sendOver(protocol, asked)
          expect([refused.status, JSON.parse(refused.body).error.code]).toEqual([status, code])
          expect(header(refused, 'access-control-allow-origin')).toBe(ORIGIN[1])
          const exposed = header(refused, 'access-control-expose-headers')?.split(', ') ?? []
          for (const name of ['x-should-retry', 'x-latchkey-decision-id', ...headers]) {
            expect(header(refused, name)).toMatch(/./)
            expect(exposed).toContain(name)
          }
        }
        expect(rig.received()).toEqual([])
      },
    )

    it('needs a key for what it then asks, and can read why it was refused', async () => {
      const refused = await chat('gpt-4o-mini', [ORIGIN])
      expect([refused.status, JSON.parse(refused.body).error.code]).toEqual([401, 'missing_key'])
      expect(header(refused, 'access-control-allow-origin')).toBe(ORIGIN[1])
      expect(rig.received()).toEqual([])
      const allowed = await chat('gpt-4o-mini', [ORIGIN, bearer()])
      expect([allowed.status, header(allowed, 'access-control-allow-origin')]).toEqual([200, ORIGIN[1]])
    })
  })

  it.each([
    ['/v1/models/../chat/completions', 200],
    ['/v1/./chat/completions', 200],
    ['/v1/%2e%2e/v1/chat/completions', 200],
    ['//v1/chat/completions', 403],
    ['/v1//chat/completions', 403],
    ['/v1/chat%2fcompletions', 403],
    ['/v1/chat%5ccompletions', 403],
    ['/v1/chat/completions/..', 403],
  ])('the path %s is decided as it arrives: %i', async (path, status) => {
    const answer = await rig.sendOver('HTTP/3', { path, headers: [bearer()], body: chatBody('gpt-4o-mini') })
    expect(answer.status).toBe(status)
    expect(rig.received().map((request) => request.path)).toEqual(
      status === 200 ? ['/v1/chat/completions'] : [],
    )
  })

  it('a renewed certificate is shown to new connections', async () => {
    const shown = () =>
      new Promise<string>((resolve, reject) => {
        const options = {
          port: rig.envoy.port,
          host: '127.0.0.1',
          servername: 'localhost',
          ca: rig.authority.certPem,
        }
        const socket = connect(options, () => {
          resolve(String(socket.getPeerCertificate().subject.CN))
          socket.destroy()
        }).on('error', reject)
      })
    expect(await shown()).toBe('gateway')
    const renewed = createCertificate('renewed', rig.authority)
    await rig.replaceFile('tls.key', renewed.keyPem)
    await rig.replaceFile('tls.crt', renewed.certPem)
    await until(async () => (await shown()) === 'renewed')
    expect((await chat('gpt-4o-mini')).status).toBe(200)
  })
})

describe.each(ENVOYS)('otherwise set up, Envoy %s', (version) => {
  let rig: GatewayRig
  let key: MintedKey
  const upgraded: (readonly string[])[] = []
  const server = createServer((_, response) => response.writeHead(404).end())
  server.on('upgrade', (request, socket) => {
    upgraded.push(request.rawHeaders)
    socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n')
    socket.pipe(socket)
  })
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : undefined
    rig = await startGateway({
      version,
      // The secret that the cluster asks for is not in it.
      files: { 'anthropic.yaml': secretFile('another', 'unused') },
      change: (document) =>
        document.setIn(
          [
            'static_resources',
            'clusters',
            1,
            'load_assignment',
            'endpoints',
            0,
            'lb_endpoints',
            0,
            'endpoint',
          ],
          { address: { socket_address: { address: '127.0.0.1', port_value: port } } },
        ),
    })
    key = await rig.createKey()
  })
  afterAll(async () => {
    await rig.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })

  /** What the server says until `enough`. */
  const upgrade = (headers: readonly HeaderLine[], sent: string, enough: RegExp) =>
    new Promise<string>((resolve, reject) => {
      const lines = [
        ['host', 'models.test'],
        ['connection', 'upgrade'],
        ['upgrade', 'websocket'],
        ['sec-websocket-version', '13'],
        ['sec-websocket-key', 'dGhlIHNhbXBsZSBub25jZQ=='],
        ...headers,
      ].map(([name, value]) => `${name}: ${value}`)
      const head = ['GET /v1/realtime?model=gpt-4o-mini HTTP/1.1', ...lines, '', ''].join('\r\n')
      let heard = ''
      const socket = connect({
        port: rig.envoy.port,
        host: '127.0.0.1',
        servername: 'localhost',
        ca: rig.authority.certPem,
      })
      socket.on('secureConnect', () => socket.write(head)).on('error', reject)
      socket.on('data', (bytes) => {
        heard += bytes.toString()
        if (heard.includes(' 101 ') && sent !== '' && !heard.includes(sent)) socket.write(sent)
        if (!enough.test(heard)) return
        socket.destroy()
        resolve(heard)
      })
    })

  it("a websocket's upgrade is asked about like any request, and carries the provider's key", async () => {
    expect(await upgrade([['authorization', `Bearer ${key.secret}`]], 'said', /said/)).toContain(' 101 ')
    const [headers = []] = upgraded
    expect(headers).toContain(`Bearer ${PROVIDER_KEYS.openai}`)
    expect(JSON.stringify(headers)).not.toContain(key.secret)
  })

  it('a websocket without a key is refused, and nobody is asked', async () => {
    upgraded.splice(0)
    expect(await upgrade([], '', /missing_key/)).toContain(' 401 ')
    expect(upgraded).toEqual([])
  })

  it("a provider's key that is missing is the gateway's fault and not the client's", async () => {
    const refused = await rig.sendOver('HTTP/1.1', {
      path: '/v1/messages',
      headers: [['x-api-key', key.secret]],
      body: chatBody('claude-haiku-4-5'),
    })
    expect([refused.status, JSON.parse(refused.body).error.code]).toEqual([503, 'provider_key_missing'])
    expect(rig.received()).toEqual([])
  })

  it('what Latchkey admits without a route is told that there is none', async () => {
    for (const { name } of MODELS) await rig.app.store.policyBook.deleteModel(name)
    const answer = await rig.sendOver('HTTP/1.1', {
      path: '/v1/files',
      headers: [
        ['authorization', `Bearer ${key.secret}`],
        ['x-latchkey-nowhere', 'vllm'],
      ],
      body: '{}',
    })
    expect([answer.status, JSON.parse(answer.body).error.code]).toEqual([404, 'no_route'])
    expect(rig.received()).toEqual([])
  })
})
