// envoy/mtls.yaml: each end asks the other for a certificate and its name, and whoever has none is neither asked nor believed.
import { connect } from 'node:tls'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Document } from 'yaml'
import { createAuthority } from '../support/certificates.ts'
import type { MintedKey } from '../support/envoy-rig.ts'
import type { End, MtlsRig } from '../support/mtls-rig.ts'
import { ENVOY_NAME, LATCHKEY_NAME, namedCertificate, startMtls } from '../support/mtls-rig.ts'
import { ENVOYS } from '../support/tested-envoys.ts'
import { until } from '../support/until.ts'

const HCM = ['static_resources', 'listeners', 0, 'filter_chains', 0, 'filters', 0, 'typed_config']
const CLUSTER_TLS = ['static_resources', 'clusters', 0, 'transport_socket', 'typed_config']
const RETRIES = [...HCM, 'http_filters', 0, 'typed_config', 'grpc_service', 'retry_policy']

/** Requests between two changes of certificates. */
const BETWEEN = process.env['LATCHKEY_PROVE'] === '1' ? 200 : 30

/** Nobody comes whom it would be worth waiting for. */
const impatient = (document: Document): void => {
  document.setIn([...RETRIES, 'num_retries'], 1)
  document.setIn([...RETRIES, 'retry_back_off'], { base_interval: '0.01s', max_interval: '2s' })
}

const STRANGER = createAuthority('stranger')

describe.each(ENVOYS)('Envoy %s', (version) => {
  let rig: MtlsRig
  let key: MintedKey
  beforeAll(async () => {
    rig = await startMtls({ version, change: impatient })
    key = await rig.createKey()
  })
  afterAll(() => rig.close())
  beforeEach(() => void rig.received())

  const ask = async () => (await rig.chat(key.secret, 'llama-3')).status
  /** A connection that stands keeps the certificates that it began with. */
  const askAnew = () => {
    rig.proxy.aimAt(rig.app.address)
    return ask()
  }
  const good = (end: 'envoy' | 'latchkey'): End => ({
    shows: namedCertificate(end === 'envoy' ? ENVOY_NAME : LATCHKEY_NAME, rig.authority),
    trusts: [rig.authority],
  })

  it('with the right certificates at both ends requests pass', async () => {
    expect(await askAnew()).toBe(200)
    expect((await rig.chat('lk_wrong', 'llama-3')).status).toBe(401)
  })

  it.each([
    [
      'envoy',
      'shows a certificate of another authority',
      () => ({ shows: namedCertificate(ENVOY_NAME, STRANGER) }),
    ],
    ['envoy', 'shows another name', () => ({ shows: namedCertificate('other.internal', rig.authority) })],
    ['envoy', 'trusts another authority', () => ({ trusts: [STRANGER] })],
    [
      'latchkey',
      'shows a certificate of another authority',
      () => ({ shows: namedCertificate(LATCHKEY_NAME, STRANGER) }),
    ],
    ['latchkey', 'shows another name', () => ({ shows: namedCertificate('other.internal', rig.authority) })],
    ['latchkey', 'trusts another authority', () => ({ trusts: [STRANGER] })],
  ] as const)('when %s %s nobody is let in', async (end, _, wrong) => {
    await rig.replace(end, wrong())
    await until(async () => (await askAnew()) === 503)
    rig.received()
    expect([await ask(), await askAnew()]).toEqual([503, 503])
    expect(rig.received()).toEqual([])
    await rig.replace(end, good(end))
    await until(async () => (await askAnew()) === 200)
  })
})

describe.each(ENVOYS)('otherwise set up, Envoy %s', (version) => {
  it('without a certificate it is let in by nobody, and lets nobody in', async () => {
    const rig = await startMtls({
      version,
      change: (document) => {
        impatient(document)
        document.deleteIn([...CLUSTER_TLS, 'common_tls_context', 'tls_certificate_sds_secret_configs'])
      },
    })
    try {
      const { secret } = await rig.createKey()
      expect((await rig.chat(secret, 'llama-3')).status).toBe(503)
      expect(rig.received()).toEqual([])
    } finally {
      await rig.close()
    }
  })

  it('a new authority, and new certificates of it, at both ends: no request fails', async () => {
    const rig = await startMtls({ version, settings: { max_connection_age: '50ms' } })
    try {
      const { secret } = await rig.createKey()
      const statuses = new Map<number, number>()
      let asking = true
      const caller = async () => {
        while (asking) {
          const { status } = await rig.chat(secret, 'llama-3')
          statuses.set(status, (statuses.get(status) ?? 0) + 1)
        }
      }
      const callers = [caller(), caller()]
      const answered = async (more: number) => {
        const wanted = (statuses.get(200) ?? 0) + more
        await until(() => (statuses.get(200) ?? 0) >= wanted || statuses.size > 1)
      }
      const next = createAuthority('next')
      const both = [rig.authority, next]
      for (const end of ['latchkey', 'envoy'] as const) await rig.replace(end, { trusts: both })
      await answered(BETWEEN)
      await rig.replace('latchkey', { shows: namedCertificate(LATCHKEY_NAME, next) })
      await answered(BETWEEN)
      await rig.replace('envoy', { shows: namedCertificate(ENVOY_NAME, next) })
      await answered(BETWEEN)
      for (const end of ['latchkey', 'envoy'] as const) await rig.replace(end, { trusts: [next] })
      await answered(BETWEEN)
      asking = false
      await Promise.all(callers)
      expect([...statuses.keys()]).toEqual([200])
      await until(async () => (await issuerShownAt(rig.app.address)) === 'next')
      rig.proxy.aimAt(rig.app.address)
      expect((await rig.chat(secret, 'llama-3')).status).toBe(200)
    } finally {
      await rig.close()
    }
  })
})

const issuerShownAt = async (address: string): Promise<string> => {
  const shown = Promise.withResolvers<string>()
  const [host, port] = address.split(':')
  const socket = connect({ host, port: Number(port), rejectUnauthorized: false })
  socket
    .on('secureConnect', () => shown.resolve(String(socket.getPeerCertificate().issuer.CN)))
    .on('error', shown.reject)
  return shown.promise.finally(() => socket.destroy())
}
