// Every setting is tested to bite in the running program; what is not enforced must not exist.
import { once } from 'node:events'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:http2'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { credentials, status } from '@grpc/grpc-js'
import type { JSONWebKeySet } from 'jose'
import { createLocalJWKSet, decodeJwt, jwtVerify } from 'jose'
import { afterAll, describe, expect, test } from 'vitest'
import { SETTING_NAMES } from '../../src/config/sources.ts'
import type { CheckResponse } from '../../src/grpc/gen/envoy/service/auth/v3/external_auth.ts'
import { createClock } from '../../src/kernel/clock.ts'
import { Rejection } from '../../src/kernel/failure.ts'
import { NO_RULES } from '../../src/policy/policy.ts'
import type { Store } from '../../src/store/store.ts'
import { openStore } from '../../src/store/store.ts'
import type { AppRig } from '../support/app-rig.ts'
import { aKeyIn, anApp, mintSecret } from '../support/app-rig.ts'
import { aSigningKey, pemOf } from '../support/attestations.ts'
import { createAuthority, createCertificate } from '../support/certificates.ts'
import { aDirectory, onClose } from '../support/closing.ts'
import { samplesOf, sumIn } from '../support/metrics-page.ts'
import { servicesAt } from '../support/reflection-client.ts'
import { channelOf, tlsFiles } from '../support/tls-rig.ts'
import { until } from '../support/until.ts'

/** Need processes of their own: serve.test.ts, workers.test.ts. */
const tested = new Set<string>(['drain_delay', 'workers'])

/** Names the settings that the test proves. */
const bites = (
  names: readonly (typeof SETTING_NAMES)[number][],
  what: string,
  body: () => Promise<void>,
): void => {
  for (const name of names) tested.add(name)
  test(`${names.join(', ')}: ${what}`, body)
}

afterAll(() => {
  expect(SETTING_NAMES.filter((name) => !tested.has(name))).toEqual([])
})

const A_LIMIT = { unit: 'requests', period: 'day', zone: 'UTC' } as const

/** Another process's hand in the same store: the app does not hear of its changes. */
const elsewhere = async ({ databaseUrl }: AppRig): Promise<Store> => {
  const store = await openStore({ url: databaseUrl, clock: createClock() })
  onClose(() => store.close())
  return store
}

/** Nobody can write until it is let go. */
const blockStore = ({ directory }: AppRig): (() => void) => {
  const database = new DatabaseSync(join(directory, 'store.db'))
  database.exec('BEGIN IMMEDIATE')
  onClose(() => database.close())
  return () => database.exec('ROLLBACK')
}

/** No key can be looked up any more. */
const breakStore = ({ directory }: AppRig): void => {
  const database = new DatabaseSync(join(directory, 'store.db'))
  database.exec('ALTER TABLE key_secret RENAME TO elsewhere')
  database.close()
}

describe('where it stands', () => {
  bites(['database_url'], 'keys are kept where it says, and found there after a restart', async () => {
    const url = `sqlite:${join(await aDirectory(), 'other.db')}`
    const first = await anApp({ database_url: url })
    const { secret } = await aKeyIn(first.app.store)
    await first.app.stop()
    const second = await anApp({ database_url: url })
    expect(await second.answer(secret)).toMatchObject({ allowed: true })
  })

  bites(['listen', 'socket_mode', 'socket_group'], 'a socket file of that mode and group', async () => {
    const directory = join(await aDirectory(), 'run')
    mkdirSync(directory)
    const path = join(directory, 's')
    const group = String(process.getgroups?.().at(-1) ?? process.getgid?.())
    const rig = await anApp({ listen: `unix:${path}`, socket_mode: '0606', socket_group: group })
    expect(rig.app.address).toBe(`unix:${path}`)
    const { mode, gid } = statSync(path)
    expect([mode & 0o777, gid]).toEqual([0o606, Number(group)])
    expect(await rig.answer(mintSecret())).toMatchObject({ reason: 'invalid_key' })
  })

  bites(['transport'], 'Checks are carried by the lane where it may, else by grpc-js', async () => {
    const carriedBy = async (settings: Readonly<Record<string, string>>) => {
      const { answer, log } = await anApp(settings)
      expect(await answer(mintSecret())).toMatchObject({ reason: 'invalid_key' })
      const serving = log.find((line) => line.includes('"msg":"serving"')) ?? '{}'
      return (JSON.parse(serving) as { transport?: string }).transport
    }
    expect(await carriedBy({ transport: 'lane' })).toBe('lane')
    expect(await carriedBy({ transport: 'grpc-js' })).toBe('grpc-js')
  })

  bites(
    ['reflection'],
    'the server tells which services it has, or that it does not know that call',
    async () => {
      const on = await anApp({ reflection: 'on', transport: 'grpc-js' })
      expect(await servicesAt(on.app.address)).toContain('envoy.service.auth.v3.Authorization')
      const off = await anApp({ transport: 'grpc-js' })
      await expect(servicesAt(off.app.address)).rejects.toMatchObject({ code: status.UNIMPLEMENTED })
      await expect(anApp({ reflection: 'on', transport: 'lane' })).rejects.toThrow(
        /reflection: .* transport grpc-js/,
      )
    },
  )

  bites(
    ['tls_cert_file', 'tls_key_file', 'tls_client_ca_file'],
    'only who has a certificate is answered',
    async () => {
      const directory = await aDirectory()
      const authority = createAuthority('test')
      const server = createCertificate('server', authority)
      const client = createCertificate('client', authority)
      const file = (name: string, content: string) => {
        writeFileSync(join(directory, name), content)
        return join(directory, name)
      }
      const settings = {
        tls_cert_file: file('cert', server.certPem),
        tls_key_file: file('key', server.keyPem),
        tls_client_ca_file: file('ca', authority.certPem),
      }
      const ca = Buffer.from(authority.certPem)
      const known = credentials.createSsl(ca, Buffer.from(client.keyPem), Buffer.from(client.certPem))
      expect(await (await anApp(settings, known)).answer(mintSecret())).toMatchObject({
        reason: 'invalid_key',
      })
      const stranger = await anApp(settings, credentials.createSsl(ca))
      await expect(stranger.answer(mintSecret())).rejects.toMatchObject({ code: status.UNAVAILABLE })
    },
  )

  bites(['tls_client_names'], 'of those, only who bears a listed name', async () => {
    const authority = createAuthority('test')
    const files = await tlsFiles(createCertificate('server', authority), authority)
    const settings = {
      tls_cert_file: files.certFile,
      tls_key_file: files.keyFile,
      tls_client_ca_file: files.clientCaFile,
      tls_client_names: 'spiffe://mesh/envoy,other.example',
    }
    for (const [uri, told] of [
      ['spiffe://mesh/envoy', 'resolves'],
      ['spiffe://mesh/other', 'rejects'],
    ] as const) {
      const client = createCertificate('client', authority, { uris: [uri] })
      const rig = await anApp(settings, channelOf(authority, client))
      await expect(rig.answer(mintSecret()))[told].toMatchObject(
        told === 'resolves' ? { reason: 'invalid_key' } : { code: status.PERMISSION_DENIED },
      )
    }
  })

  bites(['tls_reload_interval'], 'renewed files are in use after it', async () => {
    const authority = createAuthority('test')
    const files = await tlsFiles(createCertificate('server', authority), authority)
    const rig = await anApp(
      {
        tls_cert_file: files.certFile,
        tls_key_file: files.keyFile,
        tls_client_ca_file: files.clientCaFile,
        tls_reload_interval: '10ms',
      },
      channelOf(authority, createCertificate('client', authority)),
    )
    await tlsFiles(createCertificate('renewed', authority), authority, dirname(files.certFile))
    await until(() => rig.log.some((line) => line.includes('TLS files reloaded')))
    expect(await rig.answer(mintSecret())).toMatchObject({ reason: 'invalid_key' })
  })

  test('beyond loopback, or with a certificate that cannot be read, it does not start', async () => {
    await expect(anApp({ listen: '0.0.0.0:0' })).rejects.toThrow(Rejection)
    const absent = { tls_cert_file: '/absent', tls_key_file: '/absent', tls_client_ca_file: '/absent' }
    await expect(anApp(absent)).rejects.toThrow(/the TLS \S+ cannot be read/)
  })

  bites(['plaintext'], 'beyond loopback it starts without TLS only when told', async () => {
    await expect(anApp({ listen: '0.0.0.0:0' })).rejects.toThrow(Rejection)
    const { app } = await anApp({ listen: '0.0.0.0:0', plaintext: 'anywhere' })
    expect(app.address).toMatch(/^0\.0\.0\.0:\d+$/)
  })

  bites(['max_connection_age'], 'a connection of that age is asked to go', async () => {
    const { app } = await anApp({ max_connection_age: '10ms' })
    const session = connect(`http://${app.address}`)
    onClose(() => session.destroy())
    await once(session, 'goaway')
  })

  bites(['health_listen'], 'probes and metrics are served there, or nowhere', async () => {
    const { app } = await anApp({ health_listen: '127.0.0.1:0' })
    const get = (path: string) => fetch(`http://${app.healthAddress}${path}`)
    expect((await get('/livez')).status).toBe(200)
    expect(await (await get('/readyz')).json()).toEqual({
      status: 'ready',
      components: { store: { ok: true, essential: false }, serving: { ok: true } },
    })
    const metrics = await (await get('/metrics')).text()
    expect(metrics).toMatch(/^latchkey_build_info\{[^}]*version="[^"]+"/m)
    expect(metrics).toMatch(/^latchkey_charges_wasted_total 0$/m)
    expect((await anApp({ health_listen: 'off' })).app.healthAddress).toBeUndefined()
  })
})

describe('a Check', () => {
  bites(['check_timeout'], 'ends a wait that Envoy would let go on', async () => {
    const rig = await anApp({ check_timeout: '100ms' })
    const { secret } = await aKeyIn(rig.app.store, { limits: [{ ...A_LIMIT, amount: 5 }] })
    blockStore(rig)
    const { httpStatus } = await rig.answer(secret)
    expect(httpStatus).toBe(503)
  })

  bites(['failure_answer'], 'leaves to Envoy what cannot be known', async () => {
    const rig = await anApp({ check_timeout: '100ms', failure_answer: 'grpc_error' })
    const { secret } = await aKeyIn(rig.app.store, { limits: [{ ...A_LIMIT, amount: 5 }] })
    blockStore(rig)
    await expect(rig.answer(secret)).rejects.toMatchObject({ code: status.UNAVAILABLE })
    const other = await anApp({ check_timeout: '100ms', failure_answer: 'error_response' })
    const key = await aKeyIn(other.app.store, { limits: [{ ...A_LIMIT, amount: 5 }] })
    blockStore(other)
    expect((await other.ask(key.secret)).httpResponse?.$case).toBe('errorResponse')
  })

  bites(['max_body'], 'a body of that size arrives, one that is much larger does not', async () => {
    const rig = await anApp({ max_body: '1MiB' })
    const { secret } = await aKeyIn(rig.app.store)
    expect(await rig.answer(secret, { body: Buffer.alloc(1_048_576) })).toMatchObject({ allowed: true })
    const large = rig.answer(secret, { body: Buffer.alloc(3 * 1_048_576) })
    await expect(large).rejects.toMatchObject({ code: status.RESOURCE_EXHAUSTED })
  })

  bites(['credential_headers'], 'a key is found there only, and removed from there', async () => {
    const rig = await anApp({ credential_headers: 'X-My-Key' })
    const { secret } = await aKeyIn(rig.app.store)
    expect(await rig.answer(secret)).toMatchObject({ reason: 'missing_key' })
    const { httpResponse } = await rig.ask(secret, { headers: [['x-my-key', secret]] })
    if (httpResponse?.$case !== 'okResponse') throw new Error('not allowed')
    expect(httpResponse.value.headersToRemove).toContain('x-my-key')
    expect(httpResponse.value.headersToRemove).not.toContain('x-api-key')
  })

  bites(['key_formats'], 'secrets of other forms are refused before any look-up', async () => {
    const secret = `sk-${'a'.repeat(30)}`
    const refusing = await anApp()
    await aKeyIn(refusing.app.store, {}, secret)
    expect(await refusing.answer(secret)).toMatchObject({ reason: 'invalid_key' })
    expect(refusing.app.directory.size().entries).toBe(0)
    const accepting = await anApp({ key_formats: 'lk_:39:crc32,sk-:33:none' })
    await aKeyIn(accepting.app.store, {}, secret)
    expect(await accepting.answer(secret)).toMatchObject({ allowed: true })
  })

  bites(['model_header'], 'a model named there must be the one in the body', async () => {
    const rules = { ...NO_RULES, models: ['gpt-*'] }
    const request = (secret: string) => ({
      headers: [
        ['x-model', 'gpt-5'],
        ['x-api-key', secret],
      ] as const,
      body: JSON.stringify({ model: 'gpt-4' }),
    })
    const reading = await anApp({ model_header: 'X-Model' })
    const { secret } = await aKeyIn(reading.app.store, { rules })
    expect(await reading.answer(secret, request(secret))).toMatchObject({ reason: 'model_conflict' })
    const blind = await anApp()
    const other = await aKeyIn(blind.app.store, { rules })
    expect(await blind.answer(other.secret, request(other.secret))).toMatchObject({ allowed: true })
  })
})

describe('what rules refuse', () => {
  const headersOf = ({ httpResponse }: CheckResponse) =>
    httpResponse?.$case === 'okResponse'
      ? httpResponse.value.responseHeadersToAdd.map(({ header }) => [header?.key, header?.value])
      : undefined

  bites(['forwarded_for_depth'], 'a rule about networks looks at that entry, from the end', async () => {
    const rig = await anApp({ forwarded_for_depth: '2' })
    const { secret } = await aKeyIn(rig.app.store, { rules: { ...NO_RULES, networks: ['198.51.100.0/24'] } })
    const from = async (forwarded: string) =>
      (
        await rig.answer(secret, {
          headers: [
            ['x-api-key', secret],
            ['x-forwarded-for', forwarded],
          ],
        })
      ).reason
    expect(await from('198.51.100.7, 10.0.0.1')).toBe('allow')
    expect(await from('192.0.2.1, 10.0.0.1')).toBe('network_not_allowed')
    // Whoever asks may write what stands further left.
    expect(await from('198.51.100.7, 192.0.2.1, 10.0.0.1')).toBe('network_not_allowed')
    expect(await from('198.51.100.7')).toBe('network_not_allowed')
  })

  bites(['shadow_mode', 'shadow_header'], 'it passes, uncharged, and the client is told', async () => {
    const rig = await anApp({ shadow_mode: 'on', shadow_header: 'on' })
    const limits = [{ ...A_LIMIT, amount: 0 }]
    const { id, secret } = await aKeyIn(rig.app.store, { limits })
    expect(headersOf(await rig.ask(secret))).toEqual([['x-latchkey-would-deny', 'quota_exhausted']])
    expect(await rig.app.store.limitBook.listLimits(id)).toMatchObject([{ used: 0 }])
    const silent = await anApp({ shadow_mode: 'on' })
    const other = await aKeyIn(silent.app.store, { limits })
    expect(headersOf(await silent.ask(other.secret))).toEqual([])
  })
})

describe('what the model server is told', () => {
  const told = ({ httpResponse }: CheckResponse) => {
    if (httpResponse?.$case !== 'okResponse') throw new Error('not allowed')
    const { headers, headersToRemove } = httpResponse.value
    return { set: new Map(headers.map(({ header }) => [header?.key, header?.value])), headersToRemove }
  }
  const bears = async (settings: Readonly<Record<string, string>>) => {
    const directory = await aDirectory()
    const file = join(directory, 'keys.pem')
    writeFileSync(file, pemOf(aSigningKey()))
    const rig = await anApp({ health_listen: '127.0.0.1:0', attestation_key_file: file, ...settings })
    const { secret } = await aKeyIn(rig.app.store)
    const token = async () => told(await rig.ask(secret)).set.get('x-latchkey-attestation') ?? ''
    const jwks = async () => {
      const answer = await fetch(`http://${rig.app.healthAddress}/.well-known/jwks.json`)
      return createLocalJWKSet((await answer.json()) as JSONWebKeySet)
    }
    return { rig, file, token, jwks }
  }

  bites(['guardrail_header'], 'the guardrails under a second name, or its removal', async () => {
    const rig = await anApp({ guardrail_header: 'X-Guardrails' })
    const guardrail = 'pii-mask'
    await rig.app.store.policyBook.createGuardrail(guardrail)
    await rig.app.store.policyBook.createModel({ name: '*', route: 'vllm', guardrails: [guardrail] })
    const guarded = await aKeyIn(rig.app.store, { rules: { ...NO_RULES, guardrails: [guardrail] } })
    const plain = await aKeyIn(rig.app.store)
    const parts = (secret: string) => ({
      headers: [['x-api-key', secret]] as const,
      body: JSON.stringify({ model: 'llama-3' }),
    })
    const named = told(await rig.ask(guarded.secret, parts(guarded.secret)))
    expect(named.set.get('x-guardrails')).toBe(guardrail)
    expect(named.set.get('x-latchkey-guardrails')).toBe(guardrail)
    expect(told(await rig.ask(plain.secret, parts(plain.secret))).headersToRemove).toContain('x-guardrails')
  })

  bites(['attestation_key_file'], 'a signed word, and where to find who signs', async () => {
    const { rig, file, token, jwks } = await bears({ tls_reload_interval: '10ms' })
    const before = await token()
    expect((await jwtVerify(before, await jwks())).payload).toMatchObject({ iss: 'latchkey', owner: 'acme' })
    writeFileSync(file, pemOf(aSigningKey('ES256')) + readFileSync(file, 'utf8'))
    await until(() => rig.log.some((line) => line.includes('attestation keys reloaded')))
    const [after, keys] = [await token(), await jwks()]
    expect((await jwtVerify(after, keys)).protectedHeader.alg).toBe('ES256')
    expect((await jwtVerify(before, keys)).protectedHeader.alg).toBe('EdDSA')
    expect(rig.log.join()).not.toContain('PRIVATE')
    await expect(anApp({ attestation_key_file: '/absent' })).rejects.toThrow('cannot be read')
    const none = await anApp({ health_listen: '127.0.0.1:0' })
    const { secret } = await aKeyIn(none.app.store)
    expect(told(await none.ask(secret)).headersToRemove).toContain('x-latchkey-attestation')
    expect((await fetch(`http://${none.app.healthAddress}/.well-known/jwks.json`)).status).toBe(404)
  })

  bites(
    ['attestation_ttl', 'attestation_issuer', 'attestation_audience'],
    'who it is from and for, and how long it holds',
    async () => {
      const { token } = await bears({
        attestation_ttl: '5s',
        attestation_issuer: 'https://gateway.example',
        attestation_audience: 'vllm',
      })
      const { iss, aud, iat = 0, exp = 0 } = decodeJwt(await token())
      expect([iss, aud, exp - iat]).toEqual(['https://gateway.example', 'vllm', 5])
      const usual = decodeJwt(await (await bears({})).token())
      expect([usual.iss, usual.aud, (usual.exp ?? 0) - (usual.iat ?? 0)]).toEqual(['latchkey', undefined, 60])
    },
  )
})

describe('too much at once', () => {
  bites(['max_lookups'], 'of many keys that are not cached so many are looked up at once', async () => {
    for (const max of [1, 3]) {
      const rig = await anApp({ max_lookups: `${max}`, health_listen: '127.0.0.1:0' })
      const { keyStore } = rig.app.store
      const { find, findAll } = keyStore
      const released = Promise.withResolvers<void>()
      const [underWay, seen]: [Set<object>, number[]] = [new Set(), []]
      const watched = async <T>(call: object, lookUp: () => Promise<T>): Promise<T> => {
        seen.push(underWay.add(call).size)
        await released.promise
        underWay.delete(call)
        return lookUp()
      }
      Object.assign(keyStore, {
        find: (...asked: Parameters<typeof find>) => watched(asked[2], () => find(...asked)),
        findAll: (...asked: Parameters<typeof findAll>) => watched(asked[2], () => findAll(...asked)),
      } satisfies typeof keyStore)
      // Who asks in the same turn of the loop is looked up together.
      const asked = []
      for (let each = 1; each <= max; each += 1) {
        asked.push(rig.answer(mintSecret()))
        await until(() => seen.length === each)
      }
      asked.push(...Array.from({ length: 12 - max }, () => rig.answer(mintSecret())))
      await until(async () => {
        const samples = samplesOf(await (await fetch(`http://${rig.app.healthAddress}/metrics`)).text())
        return sumIn(samples, 'latchkey_checks_in_flight') + sumIn(samples, 'latchkey_checks_total') === 12
      })
      released.resolve()
      // Absent, or not known when it waited for too long.
      for (const { reason } of await Promise.all(asked))
        expect(['invalid_key', 'overloaded']).toContain(reason)
      expect(Math.max(...seen)).toBe(max)
      await rig.app.stop()
    }
  })

  bites(
    ['unknown_keys_per_source'],
    'an address that asks for more keys that nobody made gets no look-up, and keys in the cache are served',
    async () => {
      const throttled = await anApp({ unknown_keys_per_source: '3' })
      const [cached, cold] = [await aKeyIn(throttled.app.store), await aKeyIn(throttled.app.store)]
      const [source, other] = [{ source: '192.0.2.1' }, { source: '192.0.2.2' }]
      expect(await throttled.answer(cached.secret, source)).toMatchObject({ allowed: true })
      await until(async () => (await throttled.answer(mintSecret(), source)).reason === 'overloaded')
      expect(await throttled.answer(cached.secret, source)).toMatchObject({ allowed: true })
      expect(await throttled.answer(cold.secret, other)).toMatchObject({ allowed: true })
      expect(await throttled.answer(mintSecret(), other)).toMatchObject({ reason: 'invalid_key' })
      const off = await anApp()
      for (let each = 0; each < 20; each += 1)
        expect(await off.answer(mintSecret(), source)).toMatchObject({ reason: 'invalid_key' })
    },
  )

  bites(
    ['max_in_flight'],
    'first keys that are not cached are refused, at twice as much everything',
    async () => {
      const rig = await anApp({
        max_in_flight: '1',
        check_timeout: '60s',
        retry_horizon: '61s',
        health_listen: '127.0.0.1:0',
      })
      const limited = await aKeyIn(rig.app.store, { limits: [{ ...A_LIMIT, amount: 5 }] })
      const unlimited = await aKeyIn(rig.app.store)
      for (const { secret } of [limited, unlimited])
        expect(await rig.answer(secret)).toMatchObject({ allowed: true })
      const unblock = blockStore(rig)
      const inFlight = async () =>
        sumIn(
          samplesOf(await (await fetch(`http://${rig.app.healthAddress}/metrics`)).text()),
          'latchkey_checks_in_flight',
        )
      const held = [rig.answer(limited.secret)]
      await until(async () => (await inFlight()) === 1)
      expect(await rig.answer(mintSecret())).toMatchObject({ httpStatus: 503, reason: 'overloaded' })
      expect(await rig.answer(unlimited.secret)).toMatchObject({ allowed: true })
      held.push(rig.answer(limited.secret))
      await until(async () => (await inFlight()) === 2)
      expect(await rig.answer(unlimited.secret)).toMatchObject({ httpStatus: 503, reason: 'overloaded' })
      unblock()
      for (const answer of await Promise.all(held)) expect(answer).toMatchObject({ allowed: true })
      expect(await rig.answer(mintSecret())).toMatchObject({ reason: 'invalid_key' })
    },
  )
})

describe('a charge', () => {
  bites(['charge_form'], 'charges are made in that form, and the metrics say in which', async () => {
    for (const form of ['grouped', 'direct']) {
      const rig = await anApp({ charge_form: form, health_listen: '127.0.0.1:0' })
      const { id, secret } = await aKeyIn(rig.app.store, { limits: [{ ...A_LIMIT, amount: 5 }] })
      await Promise.all(Array.from({ length: 3 }, () => rig.answer(secret)))
      expect(await usedOf(rig.app.store, id)).toBe(3)
      const samples = samplesOf(await (await fetch(`http://${rig.app.healthAddress}/metrics`)).text())
      expect(sumIn(samples, 'latchkey_charge_form')).toBe(1)
      expect(sumIn(samples, 'latchkey_charge_form', { form })).toBe(1)
      // Of a group it is told once.
      const told = form === 'grouped' ? sumIn(samples, 'latchkey_charge_group_charges_count') : 3
      expect(told).toBeGreaterThan(0)
      expect(sumIn(samples, 'latchkey_charge_duration_seconds_count')).toBe(told)
      expect(sumIn(samples, 'latchkey_charge_group_charges_sum')).toBe(form === 'grouped' ? 3 : 0)
      expect(rig.log.filter((line) => line.includes('"msg":"charging"'))).toHaveLength(1)
      // There is one page for all metrics of a process.
      await rig.app.stop()
    }
  })

  bites(
    ['fail_open_burst'],
    'so many requests of a key that fails open pass, and are charged later',
    async () => {
      const rig = await anApp({ fail_open_burst: '2', check_timeout: '2s' })
      const limits = [{ ...A_LIMIT, amount: 5 }]
      const open = await aKeyIn(rig.app.store, { limits, failMode: 'open' })
      const closed = await aKeyIn(rig.app.store, { limits })
      for (const { secret } of [open, closed])
        expect(await rig.answer(secret)).toMatchObject({ allowed: true })
      const unblock = blockStore(rig)
      const { dynamicMetadata } = await rig.ask(open.secret)
      expect(dynamicMetadata).toMatchObject({ fail_open: 'true' })
      expect(await rig.answer(open.secret)).toMatchObject({ allowed: true })
      expect(await rig.answer(open.secret)).toMatchObject({ httpStatus: 503 })
      expect(await rig.answer(closed.secret)).toMatchObject({ httpStatus: 503 })
      unblock()
      await until(async () => (await usedOf(rig.app.store, open.id)) === 3)
      expect(await usedOf(rig.app.store, closed.id)).toBe(1)
    },
  )

  bites(['soft_limit'], 'from that share of a limit on its users are told', async () => {
    const told = async (settings: Readonly<Record<string, string>>) => {
      const rig = await anApp(settings)
      const { secret } = await aKeyIn(rig.app.store, { limits: [{ ...A_LIMIT, amount: 4 }] })
      const headers: (string | undefined)[] = []
      for (let each = 0; each < 4; each += 1) headers.push(softLimitOf(await rig.ask(secret)))
      return { headers, lines: rig.log.filter((line) => line.includes('"msg":"soft limit reached"')) }
    }
    const half = await told({ soft_limit: '50%' })
    expect(half.headers).toEqual([
      undefined,
      'requests/day;used=50',
      'requests/day;used=75',
      'requests/day;used=100',
    ])
    expect(half.lines).toHaveLength(1)
    expect((await told({})).headers).toEqual([undefined, undefined, undefined, 'requests/day;used=100'])
    const off = await told({ soft_limit: 'off' })
    expect(off).toEqual({ headers: [undefined, undefined, undefined, undefined], lines: [] })
  })
})

describe('memory', () => {
  bites(['cache_max_entries'], 'no more keys than that are remembered', async () => {
    const asked = await anApp({ cache_max_entries: '2' })
    for (let each = 0; each < 5; each += 1) await asked.answer((await aKeyIn(asked.app.store)).secret)
    expect(asked.app.directory.size().entries).toBe(2)
    const flooded = await anApp({ cache_max_entries: '20' })
    for (let each = 0; each < 5; each += 1) await flooded.answer(mintSecret())
    expect(flooded.app.directory.size().entries).toBe(2)
  })

  bites(['cache_max_size'], 'no more memory than that is taken', async () => {
    const rig = await anApp({ cache_max_size: '64KiB' })
    await Promise.all(Array.from({ length: 300 }, () => rig.answer(mintSecret())))
    const { entries, bytes } = rig.app.directory.size()
    expect(bytes).toBeLessThanOrEqual(65_536)
    expect(entries).toBeLessThan(300)
  })

  bites(['cache_positive_ttl'], 'for that long nobody asks again for a key', async () => {
    const cachesOf = async (ttl: string) => {
      const rig = await anApp({ cache_positive_ttl: ttl, log_allow_sample_rate: '1' })
      const { secret } = await aKeyIn(rig.app.store)
      return async (): Promise<unknown> => {
        expect(await rig.answer(secret)).toMatchObject({ allowed: true })
        return JSON.parse(rig.log.at(-1) ?? '').cache
      }
    }
    const long = await cachesOf('1h')
    expect([await long(), await long(), await long()]).toEqual(['miss', 'hit', 'hit'])
    const short = await cachesOf('1ms')
    expect(await short()).toBe('miss')
    // Two may fall into the same millisecond.
    await until(async () => (await short()) === 'miss')
  })

  bites(['cache_unfed_ttl'], 'for that long a key is believed that no feed tells of', async () => {
    for (const [ttl, reason] of [
      ['1h', 'allow'],
      ['1ms', 'key_disabled'],
    ] as const) {
      const rig = await anApp({ cache_unfed_ttl: ttl, feed_interval: '1m' })
      const { id, secret } = await aKeyIn(rig.app.store)
      expect(await rig.answer(secret)).toMatchObject({ allowed: true })
      await (await elsewhere(rig)).keyBook.setKeyDisabled(id, true)
      expect(await rig.answer(secret)).toMatchObject({ reason })
    }
  })

  bites(['feed_interval'], 'within it a change elsewhere is seen', async () => {
    const rig = await anApp({ cache_positive_ttl: '1h', cache_unfed_ttl: '1h', feed_interval: '10ms' })
    const { id, secret } = await aKeyIn(rig.app.store)
    expect(await rig.answer(secret)).toMatchObject({ allowed: true })
    await (await elsewhere(rig)).keyBook.setKeyDisabled(id, true)
    await until(async () => (await rig.answer(secret)).reason === 'key_disabled')
  })

  bites(['stale_grace'], 'for that long a key is served while the store cannot be asked', async () => {
    for (const [grace, httpStatus] of [
      ['1h', 200],
      ['0s', 503],
    ] as const) {
      const rig = await anApp({ stale_grace: grace, cache_unfed_ttl: '1ms', feed_interval: '1m' })
      const { secret } = await aKeyIn(rig.app.store)
      expect(await rig.answer(secret)).toMatchObject({ allowed: true })
      breakStore(rig)
      expect(await rig.answer(secret)).toMatchObject({ httpStatus })
    }
  })

  bites(['cache_absent_ttl'], 'for that long a key made elsewhere is not seen', async () => {
    for (const [ttl, reason] of [
      ['1h', 'invalid_key'],
      ['1ms', 'allow'],
    ] as const) {
      const rig = await anApp({ cache_absent_ttl: ttl })
      const secret = mintSecret()
      expect(await rig.answer(secret)).toMatchObject({ reason: 'invalid_key' })
      await aKeyIn(await elsewhere(rig), {}, secret)
      expect(await rig.answer(secret)).toMatchObject({ reason })
    }
  })

  test('a change in this very process is seen at once, whatever is remembered', async () => {
    const rig = await anApp({ cache_positive_ttl: '1h', cache_absent_ttl: '1h' })
    const secret = mintSecret()
    expect(await rig.answer(secret)).toMatchObject({ reason: 'invalid_key' })
    const { id } = await aKeyIn(rig.app.store, { limits: [{ ...A_LIMIT, amount: 1 }] }, secret)
    expect(await rig.answer(secret)).toMatchObject({ allowed: true })
    expect(await rig.answer(secret)).toMatchObject({ reason: 'quota_exhausted' })
    const [limit] = await rig.app.store.limitBook.listLimits(id)
    await rig.app.store.limitBook.updateLimit(limit?.id ?? 0, { amount: 2 })
    expect(await rig.answer(secret)).toMatchObject({ allowed: true })
    await rig.app.store.ownerBook.setOwnerDisabled('acme', true)
    expect(await rig.answer(secret)).toMatchObject({ reason: 'owner_disabled' })
  })

  bites(['retry_horizon'], 'a retry within it is charged once, a later one again', async () => {
    const patient = await anApp({ retry_horizon: '1h' })
    const limits = [{ ...A_LIMIT, amount: 1_000 }]
    const one = await aKeyIn(patient.app.store, { limits })
    for (let each = 0; each < 3; each += 1) await patient.answer(one.secret, { id: 'same' })
    expect(await usedOf(patient.app.store, one.id)).toBe(1)
    const forgetful = await anApp({ retry_horizon: '51ms', check_timeout: '50ms' })
    const two = await aKeyIn(forgetful.app.store, { limits })
    await expect
      .poll(
        async () => {
          await forgetful.answer(two.secret, { id: 'same' })
          return usedOf(forgetful.app.store, two.id)
        },
        { timeout: 20_000 },
      )
      .toBeGreaterThan(1)
  })
})

describe('the log', () => {
  const decisions = ({ log }: AppRig) => log.filter((line) => /check (passed|denied)/.test(line))

  bites(['log_level'], 'less grave lines are not written', async () => {
    const quiet = await anApp({ log_level: 'error' })
    await quiet.answer(mintSecret())
    expect(quiet.log).toEqual([])
    const loud = await anApp({ log_level: 'info' })
    await loud.answer(mintSecret())
    expect(decisions(loud)).toHaveLength(1)
  })

  bites(['log_format'], 'JSON for machines, words for people', async () => {
    const { log } = await anApp({ log_format: 'json' })
    expect(log.map((line) => (JSON.parse(line) as { msg: string }).msg)).toContain('serving')
    const pretty = await anApp({ log_format: 'pretty' })
    expect(pretty.log.join('')).toMatch(/^[\d:.]+ INFO {2}serving .*store=sqlite$/m)
  })

  bites(['log_allow_sample_rate'], 'that part of the allowed requests is logged', async () => {
    for (const [rate, lines] of [
      ['1', 4],
      ['0', 0],
    ] as const) {
      const rig = await anApp({ log_allow_sample_rate: rate })
      const { secret } = await aKeyIn(rig.app.store)
      for (let each = 0; each < 4; each += 1) await rig.answer(secret)
      expect(decisions(rig)).toHaveLength(lines)
    }
  })
})

const softLimitOf = ({ httpResponse }: CheckResponse): string | undefined => {
  if (httpResponse?.$case !== 'okResponse') throw new Error('not allowed')
  const added = httpResponse.value.responseHeadersToAdd.map(({ header }) => header)
  return added.find((header) => header?.key === 'x-latchkey-soft-limit')?.value
}

const usedOf = async ({ limitBook }: Store, keyId: string): Promise<number | undefined> =>
  (await limitBook.listLimits(keyId))[0]?.used
