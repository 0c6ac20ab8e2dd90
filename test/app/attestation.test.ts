// The verifiers of the manual believe what Latchkey signed for this request, and nothing else.
import type { KeyObject } from 'node:crypto'
import { createPublicKey } from 'node:crypto'
import { SignJWT, UnsecuredJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import type { AttestationOptions } from '../../src/grpc/attestation.ts'
import type { AttestationKeys } from '../../src/grpc/attestation-keys.ts'
import { parseAttestationKeys } from '../../src/grpc/attestation-keys.ts'
import { startHealthListener } from '../../src/telemetry/health-listener.ts'
import { nodeVerifier, pythonVerifier } from '../support/attestation-verifiers.ts'
import { anAttestor, aSigningKey, attestationKeys, jwksOf } from '../support/attestations.ts'
import { onClose } from '../support/closing.ts'
import { anAllow } from '../support/decisions.ts'

const REQUEST_ID = 'f0a8'
const AUDIENCE = 'vllm'
const DECISION_ID = 'dec_00000000-0000-4000-8000-000000000001'

/** Signed now, or so much later. */
const tokenOf = (
  keys: AttestationKeys,
  { requestId = REQUEST_ID, laterMs = 0, ...more }: Partial<AttestationOptions> & Extra = {},
): string => {
  const attestor = anAttestor(keys, { audience: AUDIENCE, ...more })
  const request = { headers: new Map([['x-request-id', [requestId]]]) }
  const claims = attestor.claimsOf(anAllow({ guardrails: ['pii-mask'], model: 'llama-3' }))
  return attestor.attest(claims, { decisionId: DECISION_ID, request, nowMs: Date.now() + laterMs })
}

type Extra = Readonly<{ requestId?: string; laterMs?: number }>

/** Publishes keys that may be exchanged, and counts who asks for them. */
const aPublisher = async (first: AttestationKeys) => {
  const published = { keys: first, asked: 0 }
  const document = () => {
    published.asked += 1
    return {
      body: published.keys.published,
      contentType: 'application/jwk-set+json',
      cacheControl: 'no-store',
    }
  }
  const listener = await startHealthListener(
    { listen: '127.0.0.1:0', documents: new Map([['/.well-known/jwks.json', document]]) },
    { components: async () => ({}), renderMetrics: async () => '' },
  )
  onClose(listener.close)
  return { published, jwksUrl: `http://${listener.address}/.well-known/jwks.json` }
}

const headersOf = (token: string, requestId = REQUEST_ID) => ({
  'x-latchkey-attestation': token,
  'x-request-id': requestId,
})

const part = (token: string, at: number): string => token.split('.')[at] ?? ''
const withPart = (token: string, at: number, part: string) => token.split('.').with(at, part).join('.')
const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const decoded = (text: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(text, 'base64url').toString())

const CLAIMS = (token: string) => decoded(part(token, 1))

/** By what is wrong with it: a token made from the key that is published. */
const FORGERIES: Readonly<Record<string, (key: KeyObject) => string | Promise<string>>> = {
  'none at all': () => '',
  'what is no token': () => 'a.b.c',
  'its time is over': (key) => tokenOf(attestationKeys(key), { laterMs: -66_000 }),
  'another guardrail in the payload': (key) => {
    const token = tokenOf(attestationKeys(key))
    return withPart(token, 1, encoded({ ...CLAIMS(token), guardrails: [] }))
  },
  'another header': (key) => {
    const token = tokenOf(attestationKeys(key))
    return withPart(token, 0, encoded({ ...decoded(part(token, 0)), extra: 1 }))
  },
  'another signature': (key) => {
    const token = tokenOf(attestationKeys(key))
    return withPart(token, 2, `${part(token, 2).startsWith('A') ? 'B' : 'A'}${part(token, 2).slice(1)}`)
  },
  'alg none': (key) => {
    const token = tokenOf(attestationKeys(key))
    const unsigned = new UnsecuredJWT(CLAIMS(token)).encode()
    return withPart(unsigned, 0, encoded({ ...decoded(part(token, 0)), alg: 'none' }))
  },
  'HS256 with the public key as its secret': (key) => {
    const token = tokenOf(attestationKeys(key))
    const secret = Buffer.from(createPublicKey(key).export({ type: 'spki', format: 'pem' }))
    const header = { ...decoded(part(token, 0)), alg: 'HS256' }
    return new SignJWT(CLAIMS(token)).setProtectedHeader(header).sign(secret)
  },
  'a key that nobody published': () => tokenOf(attestationKeys(aSigningKey())),
  'another key under the same kid': (key) => {
    const { kid } = attestationKeys(key).signing
    const jwk = aSigningKey().export({ format: 'jwk' })
    return tokenOf(parseAttestationKeys(jwksOf({ ...jwk, kid })))
  },
  'another audience': (key) => tokenOf(attestationKeys(key), { audience: 'elsewhere' }),
  'no audience': (key) => tokenOf(attestationKeys(key), { audience: undefined }),
  'another issuer': (key) => tokenOf(attestationKeys(key), { issuer: 'elsewhere' }),
  'another request': (key) => tokenOf(attestationKeys(key), { requestId: 'other' }),
  'no request': (key) => tokenOf(attestationKeys(key), { requestId: '' }),
  'another kind of token from the same key': (key) => {
    const token = tokenOf(attestationKeys(key))
    const header = { ...decoded(part(token, 0)), alg: 'EdDSA', typ: 'JWT' }
    return new SignJWT(CLAIMS(token)).setProtectedHeader(header).sign(key)
  },
}

describe.each<[string, typeof nodeVerifier]>([
  ['Node', nodeVerifier],
  ['Python', pythonVerifier],
])('the verifier for %s', (_language, start) => {
  const aVerifier = async (keys: AttestationKeys, more = {}) => {
    const { published, jwksUrl } = await aPublisher(keys)
    const { verify, close } = await start({ jwksUrl, audience: AUDIENCE }, more)
    onClose(close)
    return { published, verify }
  }

  it('believes what was signed for this request, whichever kind of key signs', async () => {
    for (const alg of ['EdDSA', 'ES256'] as const) {
      const keys = attestationKeys(aSigningKey(alg))
      const { verify } = await aVerifier(keys)
      expect(await verify(headersOf(tokenOf(keys)))).toMatchObject({
        sub: 'key_1',
        owner: 'acme',
        guardrails: ['pii-mask'],
        model: 'llama-3',
        request_id: REQUEST_ID,
      })
      // Clocks differ.
      await verify(headersOf(tokenOf(keys, { laterMs: 3_000 })))
      await verify(headersOf(tokenOf(keys, { laterMs: -62_000 })))
    }
  })

  it('refuses everything else', async () => {
    const key = aSigningKey()
    const { verify } = await aVerifier(attestationKeys(key))
    for (const [what, forge] of Object.entries(FORGERIES)) {
      const token = await forge(key)
      await expect(verify(headersOf(token)), what).rejects.toThrow()
      await expect(verify(headersOf(token, '')), `${what}, and no request id`).rejects.toThrow()
    }
    await expect(verify({ 'x-request-id': REQUEST_ID })).rejects.toThrow()
    const good = tokenOf(attestationKeys(key))
    await expect(verify({ 'x-latchkey-attestation': good })).rejects.toThrow()
    await expect(verify(headersOf(`${good}, ${good}`))).rejects.toThrow()
    const ofNoRequest = tokenOf(attestationKeys(key), { requestId: '' })
    await expect(verify({ 'x-latchkey-attestation': ofNoRequest })).rejects.toThrow()
    await verify(headersOf(good))
  })

  it('follows keys that are exchanged: both while both are published, and asks for one that it does not know', async () => {
    const [old, next] = [aSigningKey(), aSigningKey('ES256')]
    const { published, verify } = await aVerifier(attestationKeys(old), { cooldownMs: 0 })
    const signedByOld = headersOf(tokenOf(attestationKeys(old)))
    await verify(signedByOld)
    await verify(signedByOld)
    expect(published.asked).toBe(1)
    published.keys = attestationKeys(next, old)
    await verify(headersOf(tokenOf(published.keys)))
    expect(published.asked).toBe(2)
    await verify(signedByOld)
    expect(published.asked).toBe(2)
  })

  it('believes a key that was published before it signs without asking again', async () => {
    const [old, next] = [aSigningKey(), aSigningKey('ES256')]
    const { published, verify } = await aVerifier(attestationKeys(old, next))
    await verify(headersOf(tokenOf(published.keys)))
    published.keys = attestationKeys(next, old)
    await verify(headersOf(tokenOf(published.keys)))
    expect(published.asked).toBe(1)
  })
})
