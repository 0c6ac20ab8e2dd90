// An attestation is what an independent library says is signed: who asked, for what, and which guardrails must run.
import { createLocalJWKSet, jwtVerify } from 'jose'
import { expect, it } from 'vitest'
import type { AttestationOptions, Attested } from '../../src/grpc/attestation.ts'
import { createAttestor } from '../../src/grpc/attestation.ts'
import { anAttestor, aSigningKey, attestationKeys } from '../support/attestations.ts'
import { anAllow } from '../support/decisions.ts'
import { aKey, anOwner } from '../support/virtual-keys.ts'

const NOW_MS = Date.UTC(2026, 10, 21, 12, 0, 0)
const DECISION_ID = 'dec_00000000-0000-4000-8000-000000000001'

const about = (ids?: readonly string[]): Attested => ({
  decisionId: DECISION_ID,
  nowMs: NOW_MS + 999,
  request: ids === undefined ? undefined : { headers: new Map([['x-request-id', ids]]) },
})

const verified = async (
  alg: 'EdDSA' | 'ES256',
  {
    ids,
    allow = anAllow(),
    ...more
  }: Partial<AttestationOptions> & { ids?: string[]; allow?: ReturnType<typeof anAllow> },
) => {
  const keys = attestationKeys(aSigningKey(alg))
  const attestor = anAttestor(keys, more)
  const token = attestor.attest(attestor.claimsOf(allow), about(ids))
  return jwtVerify(token, createLocalJWKSet(JSON.parse(keys.published)), {
    currentDate: new Date(NOW_MS),
    typ: 'latchkey-attestation+jwt',
  })
}

it.each(['EdDSA', 'ES256'] as const)('tells who asks, for what and until when, signed by %s', async (alg) => {
  const key = aKey({ id: 'key_7', owners: [anOwner({ path: 'acme/search' }), anOwner()] })
  const allow = anAllow({ key, model: 'gpt-4o', route: 'openai', guardrails: ['pii-mask', 'toxicity'] })
  const { payload, protectedHeader } = await verified(alg, {
    allow,
    ids: ['3f1c'],
    issuer: 'https://gateway.example',
    audience: 'vllm',
    ttlMs: 5_000,
  })
  expect(payload).toEqual({
    iss: 'https://gateway.example',
    aud: 'vllm',
    sub: 'key_7',
    owner: 'acme/search',
    guardrails: ['pii-mask', 'toxicity'],
    model: 'gpt-4o',
    route: 'openai',
    jti: DECISION_ID,
    iat: NOW_MS / 1_000,
    exp: NOW_MS / 1_000 + 5,
    request_id: '3f1c',
  })
  expect(protectedHeader).toEqual({ alg, kid: expect.any(String), typ: 'latchkey-attestation+jwt' })
})

it('what is not known is not told, and no guardrails are an empty list', async () => {
  const { payload } = await verified('EdDSA', {})
  expect(payload).toEqual({
    iss: 'latchkey',
    sub: 'key_1',
    owner: 'acme',
    guardrails: [],
    jti: DECISION_ID,
    iat: NOW_MS / 1_000,
    exp: NOW_MS / 1_000 + 60,
  })
})

it.each([
  ['two lines', ['a', 'b']],
  ['an empty one', ['']],
  ['one with a blank', ['a b']],
  ['bytes', ['\u00e9']],
  ['too long a one', ['a'.repeat(129)]],
])('a request id that the model server could not compare is left out: %s', async (_what, ids) => {
  expect((await verified('EdDSA', { ids })).payload).not.toHaveProperty('request_id')
})

it('a request id cannot add a claim', async () => {
  const id = '","guardrails":[],"x":"'
  const { payload } = await verified('EdDSA', { ids: [id], allow: anAllow({ guardrails: ['pii-mask'] }) })
  expect(payload).toMatchObject({ request_id: id, guardrails: ['pii-mask'] })
})

it('whatever the length of what goes before, the claims are whole', async () => {
  for (let length = 1; length <= 12; length += 1) {
    const owner = 'o'.repeat(length)
    const allow = anAllow({ key: aKey({ owners: [anOwner({ path: owner })] }) })
    expect((await verified('EdDSA', { allow })).payload).toMatchObject({ owner, jti: DECISION_ID })
  }
})

it('signs with the key that is first now, also what was prepared before', async () => {
  const [old, next] = [aSigningKey(), aSigningKey('ES256')]
  let keys = attestationKeys(old)
  const attestor = createAttestor({ issuer: 'l', audience: undefined, ttlMs: 60_000 }, () => keys)
  const claims = attestor.claimsOf(anAllow())
  const before = attestor.attest(claims, about())
  keys = attestationKeys(next, old)
  const after = attestor.attest(claims, about())
  const published = createLocalJWKSet(JSON.parse(keys.published))
  const options = { currentDate: new Date(NOW_MS) }
  const algs = [before, after].map(
    async (token) => (await jwtVerify(token, published, options)).protectedHeader.alg,
  )
  expect(await Promise.all(algs)).toEqual(['EdDSA', 'ES256'])
})
