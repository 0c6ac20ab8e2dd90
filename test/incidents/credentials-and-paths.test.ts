// Requests that were written so that one part of the way reads them otherwise than another, through a real Envoy.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createClock } from '../../src/kernel/clock.ts'
import { openStore } from '../../src/store/store.ts'
import { aKeyIn, anApp, mintSecret } from '../support/app-rig.ts'
import { aDirectory, onClose } from '../support/closing.ts'
import type { EnvoyRig } from '../support/envoy-rig.ts'
import { chatBody, startEnvoyRig } from '../support/envoy-rig.ts'
import { startMariadb } from '../support/mariadb.ts'
import type { HeaderLine } from '../support/raw-client.ts'
import { ENVOYS } from '../support/tested-envoys.ts'

const MARK = 'injected_by_a_client'

/** What a key could look like that wants to become a part of a statement. */
const HOSTILE = [
  `' OR '1'='1' -- ${MARK}`,
  `'/**/UNION/**/SELECT/**/${MARK}--`,
  `\\' OR ${MARK} -- `,
  `"; DROP TABLE virtual_key; -- ${MARK}`,
  `${MARK}`,
  `sk-imported-${MARK}`,
]

// A key was written into the text of the statement that looks it up.
test('LiteLLM CVE-2026-42208: nothing that a client wrote reaches the text of a statement, nor a parameter of one', async () => {
  const generalLog = join(await aDirectory(), 'statements.log')
  const server = await startMariadb(['--general-log=1', `--general-log-file=${generalLog}`])
  onClose(server.stop)
  const url = await server.freshDatabase()
  const preparing = await openStore({ url, clock: createClock() })
  await preparing.migrate()
  await preparing.close()
  // The second format accepts what looks like a key of somebody else, so that it comes as far as a look-up.
  const format = `sk-:${`sk-imported-${MARK}`.length}:none`
  const rig = await anApp({ database_url: url, key_formats: `lk_:39:crc32,${format}` })
  const limits = [{ unit: 'requests', period: 'day', zone: 'UTC', amount: 100 }] as const
  const { secret } = await aKeyIn(rig.app.store, { limits })
  for (const text of HOSTILE) {
    expect(await rig.answer(text)).toMatchObject({ httpStatus: 401 })
    expect(await rig.answer('', { headers: [['x-api-key', text]] })).toMatchObject({ httpStatus: 401 })
    const planted = [['authorization', `Bearer ${secret}`] as const, ['x-latchkey-owner', text] as const]
    const parts = { path: `/v1/chat/completions?${text}`, headers: planted, id: text }
    const body = JSON.stringify({ model: text, user: text })
    expect(await rig.answer('', { ...parts, body })).toMatchObject({ allowed: true })
  }
  await rig.app.stop()
  await server.halt()
  const statements = await readFile(generalLog, 'latin1')
  expect(statements).toMatch(/key_secret/)
  expect(statements).toMatch(/UPDATE quota/)
  expect(statements).not.toContain(MARK)
  expect(statements).not.toContain(secret)
})

// Whoever knew the beginning of a key that is cached was taken for its holder.
test.each([
  { shared: 20, length: 44 },
  { shared: 64, length: 100 },
])('LiteLLM CVE-2026-35030: keys that share $shared characters never mix', async ({ shared, length }) => {
  const rig = await anApp({ key_formats: `sk-:${length}:none` })
  const common = `sk-${'a'.repeat(shared - 3)}`
  const [known, disabled, unknown] = ['b', 'c', 'd'].map((end) => common.padEnd(length, end))
  if (known === undefined || disabled === undefined || unknown === undefined) throw new Error('three of them')
  await aKeyIn(rig.app.store, {}, known)
  const { id } = await aKeyIn(rig.app.store, {}, disabled)
  await rig.app.store.keyBook.setKeyDisabled(id, true)
  for (let again = 0; again < 2; again += 1) {
    expect(await rig.answer(known)).toMatchObject({ allowed: true })
    expect(await rig.answer(disabled)).toMatchObject({ reason: 'key_disabled' })
    expect(await rig.answer(unknown)).toMatchObject({ reason: 'invalid_key' })
    expect(await rig.answer(common)).toMatchObject({ reason: 'invalid_key' })
  }
})

describe.each(ENVOYS)('Envoy %s', (version) => {
  let rig: EnvoyRig
  let secret: string
  beforeAll(async () => {
    rig = await startEnvoyRig({ version })
    secret = (await rig.createKey()).secret
  })
  afterAll(() => rig.close())
  beforeEach(() => void rig.received())

  const body = chatBody('gpt-4o-mini')
  const bearer = (token: string): HeaderLine => ['authorization', `Bearer ${token}`]
  const statusOf = async (headers: readonly HeaderLine[]) => (await rig.send({ headers, body })).status

  // Only what had the right prefix was looked up; everything else was passed on as it came.
  test('Bifrost #2904: what does not look like a key of ours is refused, and never passed on to somebody who may know it', async () => {
    const tokens = [
      'sk-proj-abcdefghijklmnopqrstuvwxyz',
      'sk-ant-api03-x',
      'eyJhbGciOiJub25lIn0.e30.',
      'x',
      'lk_',
    ]
    const strangers: HeaderLine[][] = [
      ...tokens.flatMap((token) => [
        [bearer(token)],
        [['x-api-key', token] as const],
        [['api-key', token] as const],
      ]),
      [['authorization', `Basic ${Buffer.from(`user:${secret}`).toString('base64')}`]],
      [['authorization', secret]],
      [['x-goog-api-key', 'AIzaSyA']],
      [],
    ]
    for (const headers of strangers)
      expect({ headers, status: await statusOf(headers) }).toEqual({ headers, status: 401 })
    expect(rig.received()).toEqual([])
    expect(await statusOf([bearer(secret)])).toBe(200)
  })

  // `//admin/x` was read as a URL without a scheme, whose path is `/x`: that one was allowed.
  test('OPA-Envoy CVE-2026-26205: a path is decided as it is passed on, and two slashes do not begin a host', async () => {
    const paths = [
      '//admin/v1/chat/completions',
      '//v1/chat/completions',
      '//evil.test/v1/chat/completions',
      '/v1//chat/completions',
      '/v1/chat/completions/',
      '/v1/chat%2Fcompletions',
      '/v1/chat/completions;x=1',
      '/V1/chat/completions',
      '/admin?/v1/chat/completions',
      '/v1/chat/completions/../../../admin',
      '/v1/chat/completions/%2e%2e/files',
    ]
    for (const path of paths) {
      const { status } = await rig.send({ path, headers: [bearer(secret)], body })
      expect({ path, refused: status === 403 || status === 400 }).toEqual({ path, refused: true })
    }
    expect(rig.received()).toEqual([])
    await rig.send({ path: '/v1/chat/completions?//admin', headers: [bearer(secret)], body })
    expect(rig.received().map(({ path }) => path)).toEqual(['/v1/chat/completions?//admin'])
  })

  // One line of a repeated header was checked, and another one, or all of them together, was used.
  test('Envoy CVE-2021-32777 CVE-2026-26308: two credentials are refused, wherever they stand and whichever is good', async () => {
    const other = mintSecret()
    const second = (await rig.createKey()).secret
    for (const [one, two] of [
      [secret, other],
      [other, secret],
      [secret, second],
    ] as const) {
      const forms: HeaderLine[][] = [
        [bearer(one), bearer(two)],
        [bearer(one), ['Authorization', `Bearer ${two}`]],
        [
          ['x-api-key', one],
          ['x-api-key', two],
        ],
        [['x-api-key', `${one},${two}`]],
        [['x-api-key', `${one}, ${two}`]],
        [bearer(`${one},Bearer ${two}`)],
        [bearer(one), ['x-api-key', two]],
        [
          ['api-key', one],
          ['x-goog-api-key', two],
        ],
      ]
      for (const headers of forms)
        expect({ headers, status: await statusOf(headers) }).toEqual({ headers, status: 401 })
    }
    expect(rig.received()).toEqual([])
  })
})
