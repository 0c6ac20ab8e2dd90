// Keys taken over from elsewhere work with the secrets that their holders have.
import { createHash, randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { createSecrets, DEFAULT_SECRET_FORMATS } from '../../src/keys/secret.ts'
import { anApp } from '../support/app-rig.ts'
import { onClose } from '../support/closing.ts'
import { runInside } from '../support/command-inside.ts'
import type { CommandRig } from '../support/command-rig.ts'
import { createCommandRig } from '../support/command-rig.ts'

const { mint } = createSecrets(DEFAULT_SECRET_FORMATS)
const FORMATS = 'lk_:39:crc32,sk-:25:none'
type Row = Readonly<Record<string, unknown>>

let rig: CommandRig
beforeEach(async () => {
  rig = await createCommandRig()
  onClose(rig.close)
})

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
/** As LiteLLM makes them. */
const aLitellmKey = () => `sk-${randomBytes(16).toString('base64url')}`

const importing = async (content: string, args: readonly string[], formats = FORMATS) => {
  const file = join(rig.directory, 'keys')
  await writeFile(file, content)
  const config = join(rig.directory, 'latchkey.yaml')
  await writeFile(config, `key_formats: '${formats}'\n`)
  return latchkey('keys', 'import', file, '--config', config, ...args)
}
const latchkey = (...args: readonly string[]) => runInside([...args, '--database-url', rig.databaseUrl])
const json = async (...args: readonly string[]) =>
  JSON.parse((await latchkey(...args, '--json')).stdout) as unknown
const list = async () => (await json('keys', 'list')) as Row[]

describe('in the format latchkey', () => {
  test('a key by its hash, with everything that it has, is admitted by a server that knows its format', async () => {
    await latchkey('guardrails', 'create', 'mask')
    const [hex, base64, clear] = [mint(), mint(), mint()]
    const lines = [
      {
        sha256: sha256(hex),
        hint: hex.slice(-4),
        name: 'one',
        owner: 'acme/search',
        models: ['gpt-*'],
        denied_models: ['gpt-5'],
        paths: ['POST /v1/*'],
        denied_paths: ['/v1/files*'],
        networks: ['10.0.0.0/8', '2001:db8::/32'],
        denied_networks: ['10.9.0.0/16'],
        hours: ['Mon-Fri 08:00-18:00@Europe/Berlin'],
        labels: { team: 'search' },
        shadow: true,
        guardrails: ['mask'],
        not_before: '2026-01-01T00:00:00Z',
        expires_at: '2999-01-01T00:00:00Z',
        limits: ['requests=100/day', 'requests=5/minute@Europe/Berlin'],
        fail_mode: 'open',
      },
      { sha256: createHash('sha256').update(base64).digest('base64'), name: 'two', disabled: true },
      { secret: clear, name: 'three' },
    ]
    const file = lines.map((line) => JSON.stringify(line)).join('\n')
    const { code, stdout, stderr } = await importing(file, ['--create-owners'])
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '', stderr })
    expect(stderr).toContain('(key_formats): lk_:39:crc32, sk-:25:none\n')
    expect(stderr).toMatch(
      /created owner acme\n.*created owner default\n.*imported 3 keys, 0 there already\n$/s,
    )
    const one = (await list()).find(({ name }) => name === 'one')
    const { sha256: _, ...shown } = lines[0] ?? {}
    expect(await json('keys', 'show', String(one?.['id']))).toMatchObject({
      ...shown,
      limits: [{ amount: 100 }, { amount: 5, zone: 'Europe/Berlin' }],
      not_before: '2026-01-01T00:00:00.000Z',
      expires_at: '2999-01-01T00:00:00.000Z',
    })
    const { answer } = await anApp({ database_url: rig.databaseUrl })
    expect([await answer(base64), await answer(clear)]).toMatchObject([
      { reason: 'key_disabled' },
      { allowed: true },
    ])
  })

  test('what keys create --json prints is read back, and a second time changes nothing', async () => {
    const create = 'keys create --name k --owner acme --create-owner --count 3 --expires 30d --model m --json'
    const { stdout } = await runInside([
      ...create.split(' '),
      '--database-url',
      `sqlite:${rig.directory}/other.db`,
    ])
    expect(await importing(stdout, ['--create-owners', '--dry-run'])).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/would create owner acme\nwould import 3 keys/) as string,
    })
    expect(await list()).toEqual([])
    await importing(stdout, ['--create-owners'])
    expect(await list()).toHaveLength(3)
    const again = await importing(stdout, ['--json'])
    expect(JSON.parse(again.stdout)).toEqual({ dry_run: false, created: 0, unchanged: 3, owners_created: [] })
    expect((await importing(stdout, [])).stderr).toMatch(/line 2: there already, unchanged\n/)
  })

  test('CSV with a heading is the same; an empty list of models admits none, an empty cell all', async () => {
    const rows = [
      'sha256,name,owner,models,limits,disabled',
      `${sha256('a')},none,acme,[],"[""requests=1/day""]",`,
      `${sha256('b')},all,acme,,,true`,
    ]
    expect(await importing(rows.join('\r\n'), ['--create-owners'])).toMatchObject({ code: 0 })
    const keys = await list()
    expect(keys.find(({ name }) => name === 'none')).toMatchObject({ models: [], status: 'active' })
    expect(keys.find(({ name }) => name === 'all')).toMatchObject({ models: null, status: 'disabled' })
  })

  test('every fault is told by its line, and nothing is imported', async () => {
    const good = { sha256: sha256('x'), name: 'x' }
    const wrong = [
      good,
      { ...good, sha256: 'abc' },
      { name: 'x' },
      { sha256: sha256('y') },
      { ...good, colour: 'red' },
      { ...good, limits: ['tokens=1/day'] },
      { ...good, status: 'revoked' },
      { secret: 'not-in-a-format', name: 'x' },
      { ...good, disabled: 'perhaps' },
      { ...good, fail_mode: 'ajar' },
      { ...good, shadow: 'perhaps', labels: ['team'], networks: '10.0.0.0/8', hours: 8 },
    ]
    const { code, stdout, stderr } = await importing(wrong.map((line) => JSON.stringify(line)).join('\n'), [])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    const told = stderr.split('\n').filter((line) => line.startsWith('line '))
    expect(told).toEqual([
      'line 2: sha256 must be 64 hexadecimal digits, or 32 bytes in base64',
      'line 3: give either sha256, the SHA-256 of the secret, or secret',
      'line 4: name is missing',
      'line 5: colour cannot be carried over; --ignore colour imports the keys without it',
      'line 6: limit "tokens=1/day": only requests can be limited, not tokens',
      'line 7: it is revoked, for ever: no import restores it',
      'line 8: key_formats has no format for its secret',
      'line 9: disabled must be true or false',
      'line 10: fail_mode must be open or closed',
      'line 11: networks must be a list of texts',
      'line 11: hours must be a list of texts',
      'line 11: shadow must be true or false',
      'line 11: labels must be an object of texts',
    ])
    expect(stderr).toMatch(/\nlatchkey: 13 faults; nothing was imported\n$/)
    const ownerless = await importing(JSON.stringify(good), [])
    expect(ownerless.stderr).toMatch(
      / does not exist\nlatchkey: 1 fault; nothing was imported; --create-owners makes the owners that are missing\n$/,
    )
    const twice = await importing(`${JSON.stringify(good)}\n${JSON.stringify(good)}`, ['--create-owners'])
    expect(twice.stderr).toContain('line 2: its secret stands in the file before\n')
    expect(await list()).toEqual([])
  })

  test('a network, an hour, a path or a label that is none is told by its line', async () => {
    const wrong = [
      { networks: ['10.0.0.1/8'] },
      { denied_networks: ['10.0.0.0/33'] },
      { hours: ['25:00-26:00'] },
      { paths: ['no path'] },
      { denied_paths: [''] },
      { labels: { 'A b': 'x' } },
    ].map((more, index) => JSON.stringify({ name: 'x', sha256: sha256(String(index)), ...more }))
    const { code, stderr } = await importing(wrong.join('\n'), ['--create-owners'])
    expect(code).toBe(1)
    expect(stderr.match(/^line \d(?=: .+)/gm)).toEqual(wrong.map((_, index) => `line ${index + 1}`))
    expect(await list()).toEqual([])
  })

  test('in CSV the restrictions and labels are JSON in their cells', async () => {
    const rows = [
      'sha256,name,networks,hours,paths,labels,shadow',
      `${sha256('a')},one,"[""10.0.0.0/8""]",{08:00-18:00},"[""/v1/*""]","{""team"":""search""}",t`,
      `${sha256('b')},none,[],[],[],{},`,
      `${sha256('c')},all,,,,,`,
    ]
    expect(await importing(rows.join('\n'), ['--create-owners'])).toMatchObject({ code: 0 })
    const keys = new Map((await list()).map((key) => [key['name'], key]))
    expect(keys.get('one')).toMatchObject({
      networks: ['10.0.0.0/8'],
      hours: ['08:00-18:00'],
      paths: ['/v1/*'],
      labels: { team: 'search' },
      shadow: true,
    })
    expect(keys.get('none')).toMatchObject({ networks: [], hours: [], paths: [], labels: {}, shadow: false })
    expect(keys.get('all')).toMatchObject({ networks: null, hours: null, paths: null, shadow: false })
  })

  test('a revoked key is not restored by importing it', async () => {
    const secret = mint()
    const file = JSON.stringify({ secret, name: 'x' })
    await importing(file, ['--create-owners'])
    const [key] = await list()
    await latchkey('keys', 'revoke', String(key?.['id']))
    const { code, stderr } = await importing(file, [])
    expect(code).toBe(1)
    expect(stderr).toMatch(/line 1: it is key key_\w+, which is revoked, for ever: no import restores it/)
    expect(stderr).not.toContain(secret)
    expect(await list()).toEqual([])
  })

  test('a file that cannot be read is a usage error', async () => {
    expect(await latchkey('keys', 'import', join(rig.directory, 'missing'))).toMatchObject({
      code: 64,
      stderr: expect.stringMatching(/missing cannot be read \(ENOENT\)\n$/) as string,
    })
    expect(await importing('[', [])).toMatchObject({ code: 64 })
    expect(await importing('', ['--format', 'unkey'])).toMatchObject({ code: 64 })
    expect(await importing('', [])).toMatchObject({ code: 0 })
  })
})

describe('in the format litellm', () => {
  const HEADING =
    'token,key_name,key_alias,spend,expires,models,aliases,config,user_id,team_id,permissions,metadata,blocked,tpm_limit,rpm_limit,max_budget,budget_duration,organization_id,created_at,auto_rotate'

  test('its table as CSV becomes keys, and their holders go on with their secrets', async () => {
    const [first, second] = [aLitellmKey(), aLitellmKey()]
    const rows = [
      HEADING,
      `${sha256(first)},sk-...${first.slice(-4)},crawler,1.25,2999-01-01 00:00:00,"{gpt-4o,""claude-*""}",{},{},ann,search,{},{},,,60,,30d,acme,2026-01-01 00:00:00,f`,
      `${sha256(second)},sk-...${second.slice(-4)},,0,,{},{},{},,,{},{},t,,,,,acme,2026-01-01 00:00:00,f`,
    ]
    const { code, stderr } = await importing(rows.join('\n'), ['--format', 'litellm', '--create-owners'])
    expect({ code, stderr }).toEqual({ code: 0, stderr })
    const keys = await list()
    expect(keys.find(({ name }) => name === 'crawler')).toMatchObject({
      owner: 'acme/search/ann',
      hint: first.slice(-4),
      models: ['gpt-4o', 'claude-*'],
      expires_at: '2999-01-01T00:00:00.000Z',
      status: 'active',
    })
    expect(keys.find(({ owner }) => owner === 'acme')).toMatchObject({
      name: `sk-...${second.slice(-4)}`,
      models: null,
      status: 'disabled',
    })
    expect(await json('limits', 'list')).toMatchObject([{ unit: 'requests', period: 'minute', amount: 60 }])
    const { answer } = await anApp({ database_url: rig.databaseUrl, key_formats: FORMATS })
    expect(await answer(second)).toMatchObject({ reason: 'key_disabled' })
    expect(await answer(first)).toMatchObject({ reason: 'model_required' })
  })

  test('what cannot be carried over is told by line and refused, unless it is ignored', async () => {
    const key = (more: Row) => ({ token: sha256(aLitellmKey()), key_alias: 'k', models: [], ...more })
    const keys = [
      key({ max_budget: 0, tpm_limit: 1000 }),
      key({ user_id: 'Ann@acme.com' }),
      key({ models: ['all-team-models'] }),
      key({ metadata: { guardrails: ['x'] }, allowed_routes: ['/chat/completions'] }),
      key({ token: 'sk-clear' }),
    ]
    const file = JSON.stringify(keys)
    const args = ['--format', 'litellm', '--owner', 'acme', '--create-owners']
    const { code, stderr } = await importing(file, args)
    expect(code).toBe(1)
    expect(stderr.split('\n').filter((line) => line.startsWith('entry'))).toEqual([
      'entry 1: max_budget cannot be carried over; --ignore max_budget imports the keys without it',
      'entry 1: tpm_limit cannot be carried over; --ignore tpm_limit imports the keys without it',
      expect.stringMatching(/^entry 3: models is all-team-models/),
      expect.stringMatching(/^entry 4: metadata cannot/),
      expect.stringMatching(/^entry 4: allowed_routes cannot/),
      'entry 5: token must be the SHA-256 of the key in 64 hexadecimal digits',
    ])
    const ignore = ['max_budget', 'tpm_limit', 'metadata', 'allowed_routes', 'models'].flatMap((name) => [
      '--ignore',
      name,
    ])
    const rest = JSON.stringify(keys.slice(0, 4))
    const named = await importing(rest, [...args, ...ignore])
    expect(named).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/entry 2: owner name "Ann@acme.com"/) as string,
    })
    expect(await importing(rest, [...args, ...ignore, '--ignore', 'user_id'])).toMatchObject({ code: 0 })
    expect(await list()).toHaveLength(4)
  })

  test('without a format that its secrets have nothing is imported, and it is said what to set', async () => {
    const { code, stderr } = await importing('', ['--format', 'litellm'], 'lk_:39:crc32')
    expect(code).toBe(64)
    expect(stderr).toMatch(/set key_formats to lk_:39:crc32, sk-:25:none/)
  })

  test('no-default-models admits none, all-proxy-models all', async () => {
    const key = (models: readonly string[], alias: string) => ({
      token: sha256(alias),
      key_alias: alias,
      models,
    })
    const keys = [key(['no-default-models'], 'none'), key(['all-proxy-models'], 'all')]
    await importing(JSON.stringify({ keys }), ['--format', 'litellm', '--create-owners'])
    const found = await list()
    expect(found.find(({ name }) => name === 'none')).toMatchObject({ models: [] })
    expect(found.find(({ name }) => name === 'all')).toMatchObject({ models: null })
  })
})
