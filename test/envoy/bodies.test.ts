// Bodies through the shipped configuration: none, whole, in chunks, cut, compressed, ambiguous.
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { EnvoyRig, MintedKey } from '../support/envoy-rig.ts'
import { chatBody, startEnvoyRig } from '../support/envoy-rig.ts'
import type { HeaderLine, RawRequest } from '../support/raw-client.ts'
import { ENVOYS } from '../support/tested-envoys.ts'

const MIB = 1_048_576
const LIMIT = { unit: 'requests', period: 'total', zone: 'UTC', amount: 1_000 } as const

/** A chat whose body has that many bytes, the model first or last. */
const chatOf = (bytes: number, modelFirst: boolean): string => {
  const around = modelFirst
    ? ['{"model":"gpt-4o-mini","pad":"', '"}']
    : ['{"pad":"', '","model":"gpt-4o-mini"}']
  return around.join('x'.repeat(bytes - around.join('').length))
}

describe.each(ENVOYS)('Envoy %s', (version) => {
  let rig: EnvoyRig
  let key: MintedKey
  beforeAll(async () => {
    rig = await startEnvoyRig({ version })
    key = await rig.createKey({ limits: [LIMIT] })
  })
  afterAll(() => rig.close())
  beforeEach(() => void rig.received())

  const used = async () => (await rig.app.store.limitBook.listLimits(key.id))[0]?.used
  const post = async (request: RawRequest, headers: readonly HeaderLine[] = []) => {
    const before = await used()
    const response = await rig.send({
      ...request,
      headers: [['authorization', `Bearer ${key.secret}`], ...headers],
    })
    const code = response.status === 200 ? 'ok' : JSON.parse(response.body).error.code
    return { status: response.status, code, charged: Number(await used()) - Number(before) }
  }

  it.each([
    ['of a few bytes', { body: chatBody('gpt-4o-mini') }],
    ['of just under a MiB', { body: chatOf(MIB - 1, false) }],
    ['of exactly a MiB, the most that Envoy sends along', { body: chatOf(MIB, false) }],
    ['in chunks, without a length', { body: chatOf(300_000, false), chunked: true }],
  ])('a whole body %s is decided and arrives as it was sent', async (_, request) => {
    expect(await post(request)).toEqual({ status: 200, code: 'ok', charged: 1 })
    expect(rig.received()[0]?.body.equals(Buffer.from(request.body))).toBe(true)
  })

  it.each([
    ['by one byte', { body: chatOf(MIB + 1, true) }],
    ['with a length', { body: chatOf(2 * MIB, true) }],
    ['far beyond every buffer', { body: chatOf(20 * MIB, true) }],
    ['in chunks', { body: chatOf(2 * MIB, true), chunked: true }],
    ['with the model after the first MiB', { body: chatOf(2 * MIB, false) }],
  ])(
    'a body that Envoy cut is refused under a rule about models, and not charged: %s',
    async (_, request) => {
      expect(await post(request)).toEqual({ status: 413, code: 'body_too_large', charged: 0 })
      expect(rig.received()).toEqual([])
    },
  )

  it.each<[string, RawRequest, HeaderLine[], number, string]>([
    ['no body', {}, [], 400, 'model_required'],
    ['an empty body', { body: '' }, [], 400, 'model_required'],
    [
      'gzip',
      { body: gzipSync(chatBody('gpt-4o-mini')) },
      [['content-encoding', 'gzip']],
      400,
      'request_malformed',
    ],
    ['no JSON', { body: 'model=gpt-4o-mini' }, [], 400, 'request_malformed'],
    ['two models', { body: '{"model":"gpt-4o-mini","model":"claude-x"}' }, [], 400, 'request_malformed'],
    [
      'an escaped second model',
      { body: '{"model":"gpt-4o-mini","\\u006dodel":"claude-x"}' },
      [],
      400,
      'request_malformed',
    ],
    ['Model', { body: '{"Model":"gpt-4o-mini"}' }, [], 400, 'request_malformed'],
    [
      'invalid UTF-8',
      { body: Buffer.from('{"model":"gpt-4o-mini\xff"}', 'latin1') },
      [],
      400,
      'request_malformed',
    ],
  ])('%s: nothing is charged and nothing arrives', async (_, request, headers, status, code) => {
    expect(await post(request, headers)).toEqual({ status, code, charged: 0 })
    expect(rig.received()).toEqual([])
  })

  it('//v1/chat/completions is another path, and dot segments are resolved before anybody looks', async () => {
    const body = chatBody('gpt-4o-mini')
    expect(await post({ path: '//v1/chat/completions', body })).toMatchObject({ code: 'path_not_allowed' })
    expect(await post({ path: '/v1/files/../chat/completions', body })).toMatchObject({ status: 200 })
    expect(rig.received().map(({ path }) => path)).toEqual(['/v1/chat/completions'])
  })
})
