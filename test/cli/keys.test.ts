import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createSecrets, DEFAULT_SECRET_FORMATS } from '../../src/keys/secret.ts'
import { anApp } from '../support/app-rig.ts'
import type { CommandRig } from '../support/command-rig.ts'
import { createCommandRig } from '../support/command-rig.ts'
import { until } from '../support/until.ts'

const { recognise } = createSecrets(DEFAULT_SECRET_FORMATS)
const KEY_ID = /^key_[0-9A-Za-z]+$/

let rig: CommandRig
beforeAll(async () => {
  rig = await createCommandRig()
})
afterAll(() => rig.close())

describe('keys create', () => {
  test('a bare one works on a machine that has nothing yet, and prints the secret alone on stdout, once', async () => {
    const { code, stdout, stderr } = await rig.latchkey('keys', 'create', '--name', 'ci')
    expect(code).toBe(0)
    expect(recognise(stdout.trimEnd())).toBe(true)
    expect(stdout).toBe(`${stdout.trimEnd()}\n`)
    expect(stderr).toMatch(
      /^created a new store at sqlite:.*\ncreated owner default\ncreated key_\S+ \(ci\) for default;/,
    )
    expect(stderr).not.toContain(stdout.trimEnd())
    const again = await rig.latchkey('keys', 'create', '--name', 'ci')
    expect(again.stderr).toMatch(/^created key_/)
    expect(again.stdout).not.toBe(stdout)
  })

  test('every flag arrives in the key, and --json prints one object a line', async () => {
    await rig.does('guardrails', 'create', 'pii-mask')
    await rig.does('policies', 'create', 'chat')
    const { code, stdout, stderr } = await rig.latchkey(
      ...'keys create --name batch --owner acme/search/ann --create-owner --count 3'.split(' '),
      ...'--limit requests=10K/day@Europe/Berlin --limit requests=5/minute --policy chat'.split(' '),
      ...'--guardrail pii-mask --model gpt-4o* --model o3 --deny-model *-preview'.split(' '),
      ...'--shadow on --label team=search --label env=prod --deny-path /v1/files/* --network 10.0.0.0/8'.split(
        ' ',
      ),
      ...['--path', 'POST /v1/chat/*', '--deny-network', '10.1.2.3', '--hours', 'Mon-Fri 08:00-18:00'],
      ...'--fail-mode open --not-before 2026-01-01 --expires 2999-12-31T00:00:00+01:00 --json'.split(' '),
    )
    expect({ code, stderr }).toEqual({ code: 0, stderr: 'created owner acme/search/ann\n' })
    const keys = stdout.trimEnd().split('\n').map(parse)
    expect(keys).toHaveLength(3)
    expect(new Set(keys.map(({ secret }) => secret)).size).toBe(3)
    for (const key of keys) {
      expect(recognise(String(key.secret))).toBe(true)
      expect(key).toEqual({
        id: expect.stringMatching(KEY_ID),
        secret: expect.any(String),
        name: 'batch',
        owner: 'acme/search/ann',
        hint: String(key.secret).slice(-4),
        status: 'active',
        not_before: '2026-01-01T00:00:00.000Z',
        expires_at: '2999-12-30T23:00:00.000Z',
        revoked_at: null,
        fail_mode: 'open',
        created_at: expect.any(String),
        models: ['gpt-4o*', 'o3'],
        denied_models: ['*-preview'],
        paths: ['POST /v1/chat/*'],
        denied_paths: ['/v1/files/*'],
        networks: ['10.0.0.0/8'],
        denied_networks: ['10.1.2.3'],
        hours: ['Mon-Fri 08:00-18:00'],
        shadow: true,
        labels: { env: 'prod', team: 'search' },
        policies: ['chat'],
        guardrails: ['pii-mask'],
        limits: ['requests=10000/day@Europe/Berlin', 'requests=5/minute'],
      })
    }
    const shown = await rig.json('keys', 'show', String(keys[2]?.id))
    const { secret: _, ...kept } = keys[2] ?? {}
    expect(shown).toEqual({
      ...kept,
      secrets: [{ hint: kept.hint, created_at: kept.created_at, accepted_until: null }],
      limits: [
        expect.objectContaining({
          unit: 'requests',
          period: 'day',
          zone: 'Europe/Berlin',
          amount: 10_000,
          used: 0,
        }),
        expect.objectContaining({ unit: 'requests', period: 'minute', zone: 'UTC', amount: 5, remaining: 5 }),
      ],
    })
  })

  test('of several, all are made or none', async () => {
    const before = await rig.json('keys', 'list', '--all')
    const { code, stdout, stderr } = await rig.latchkey(
      ...'keys create --name x --count 5 --policy nobody-knows-it'.split(' '),
    )
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/^latchkey: .*nobody-knows-it.*\n$/)
    expect(await rig.json('keys', 'list', '--all')).toEqual(before)
  })

  test('an owner that is named must exist, unless it is to be made', async () => {
    const { code, stdout, stderr } = await rig.latchkey(
      ...'keys create --name x --owner nobody/here'.split(' '),
    )
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/^latchkey: .*nobody/)
  })

  test('no owner is made for keys that cannot be made', async () => {
    for (const wrong of [
      ['--label', 'Bad=x'],
      ['--policy', 'nobody-knows'],
      ['--network', '10.0.0.1/8'],
    ]) {
      const create = ['keys', 'create', '--name', 'x', '--owner', 'hasty/one', '--create-owner', ...wrong]
      expect((await rig.latchkey(...create)).code).not.toBe(0)
    }
    expect((await rig.latchkey('owners', 'show', 'hasty')).code).toBe(1)
  })

  test.each([
    [['--limit', 'tokens=1M/month'], /only requests can be limited, not tokens/],
    [['--limit', 'requests=1/day@Nowhere'], /time zone "Nowhere" is unknown/],
    [['--expires', '2020-01-01'], /--expires "2020-01-01" has passed already/],
    [['--expires', 'soon'], /--expires "soon" must be/],
    [['--count', '0'], /--count "0" must be a whole number from 1/],
    [['--model', 'a', '--no-models'], /'--no-models' cannot be used with option '--model <glob>'/],
    [['--owner', 'UPPER', '--create-owner'], /owner name "UPPER"/],
    [['--colour', 'red'], /unknown option '--colour'/],
    [['--grace', '24h'], /unknown option '--grace'/],
  ])('%j is a usage error: 64 and one sentence', async (args, sentence) => {
    const { code, stdout, stderr } = await rig.latchkey('keys', 'create', '--name', 'x', ...args)
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' })
    expect(stderr).toMatch(sentence)
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
    expect(stderr).toMatch(/^latchkey: /)
  })
})

describe('keys, once they exist', () => {
  test('list, by owner and with revoked ones, as a table and as an array', async () => {
    await rig.does('keys', 'create', '--name', 'searcher', '--owner', 'beta/search', '--create-owner')
    await rig.does('keys', 'create', '--name', 'looker', '--owner', 'beta')
    const both = asRows(await rig.json('keys', 'list', '--owner', 'beta'))
    expect(both.map(({ name }) => name).toSorted(byText)).toEqual(['looker', 'searcher'])
    const [one] = asRows(await rig.json('keys', 'list', '--owner', 'beta/search'))
    await rig.does('keys', 'revoke', String(one?.id))
    expect(asRows(await rig.json('keys', 'list', '--owner', 'beta'))).toHaveLength(1)
    expect(asRows(await rig.json('keys', 'list', '--owner', 'beta', '--all'))).toHaveLength(2)
    const { stdout } = await rig.latchkey('keys', 'list', '--owner', 'beta', '--all')
    const [heading, ...lines] = stdout.trimEnd().split('\n')
    expect(heading).toMatch(/^ID +NAME +OWNER +HINT +STATUS +EXPIRES AT$/)
    expect(lines.map((line) => line.split(/ {2,}/).slice(1, 5))).toEqual(
      expect.arrayContaining([
        ['searcher', 'beta/search', one?.hint, 'revoked'],
        ['looker', 'beta', expect.any(String), 'active'],
      ]),
    )
    expect(await rig.latchkey('keys', 'list', '--owner', 'nobody')).toMatchObject({ code: 1, stdout: '' })
  })

  test('update changes what is given and leaves the rest; each field can be cleared', async () => {
    const key = parse(
      (
        await rig.latchkey(
          ...'keys create --name u --model a* --guardrail pii-mask --json --policy chat'.split(' '),
          ...'--expires 30d --not-before 2026-01-01 --deny-model b'.split(' '),
        )
      ).stdout,
    )
    const id = String(key.id)
    const update = (...args: readonly string[]) => rig.json('keys', 'update', id, ...args)
    const { secret: _, limits: __, ...kept } = key
    expect(await update('--name', 'v')).toEqual({ ...kept, name: 'v' })
    expect(await update('--model', 'c', '--model', 'd')).toMatchObject({
      models: ['c', 'd'],
      denied_models: ['b'],
    })
    expect(await update('--no-models')).toMatchObject({ models: [] })
    expect(await update('--clear-models', '--clear-deny-models', '--clear-policies')).toMatchObject({
      name: 'v',
      models: null,
      denied_models: [],
      policies: [],
      guardrails: ['pii-mask'],
    })
    expect(await update('--clear-guardrails', '--clear-expires', '--clear-not-before')).toMatchObject({
      guardrails: [],
      expires_at: null,
      not_before: null,
    })
    expect(
      await update(...'--expires 2999-01-01 --not-before 2027-01-01 --policy chat --deny-model z'.split(' ')),
    ).toMatchObject({
      expires_at: '2999-01-01T00:00:00.000Z',
      not_before: '2027-01-01T00:00:00.000Z',
      policies: ['chat'],
      denied_models: ['z'],
    })
    expect(await rig.latchkey('keys', 'update', id)).toMatchObject({
      code: 64,
      stderr: expect.stringMatching(/nothing to update/),
    })
    expect(await rig.latchkey('keys', 'update', id, '--policy', 'chat', '--clear-policies')).toMatchObject({
      code: 64,
    })
  })

  test('disable, enable and revoke tell the new status; a revoked key stays so', async () => {
    const id = String(parse((await rig.latchkey('keys', 'create', '--name', 's', '--json')).stdout).id)
    expect(await rig.json('keys', 'disable', id)).toMatchObject({ id, status: 'disabled' })
    expect(await rig.json('keys', 'enable', id)).toMatchObject({ id, status: 'active' })
    expect(await rig.does('keys', 'disable', id)).toBe(`disabled ${id}\n`)
    expect(await rig.json('keys', 'revoke', id)).toMatchObject({
      id,
      status: 'revoked',
      revoked_at: expect.any(String),
    })
    const { code, stderr } = await rig.latchkey('keys', 'enable', id)
    expect(code).toBe(1)
    expect(stderr).toMatch(/^latchkey: .*revoked/)
  })

  test('revoke --wait ends when the replicas that serve have confirmed it, and says how many', async () => {
    const created = parse((await rig.latchkey('keys', 'create', '--name', 'w', '--json')).stdout)
    const [id, secret] = [String(created['id']), String(created['secret'])]
    expect(await rig.does('keys', 'disable', id, '--wait')).toBe(`confirmed by 0 replicas\ndisabled ${id}\n`)
    await rig.does('keys', 'enable', id)
    const settings = { database_url: rig.databaseUrl, feed_interval: '10ms' }
    const { app, answer } = await anApp(settings)
    await until(async () => (await app.store.replicaBook.heardSince(0)).length === 1)
    expect(await answer(secret)).toMatchObject({ allowed: true })
    expect(await rig.does('keys', 'revoke', id, '--wait')).toBe(`confirmed by 1 replica\nrevoked ${id}\n`)
    expect(await answer(secret)).toMatchObject({ reason: 'invalid_key' })
    await app.stop()
    expect(await rig.does('keys', 'revoke', id, '--wait')).toMatch(/^confirmed by 0 replicas\n/)
  })

  test('revoke --wait names the replica that has come as far as the change before, and no further', async () => {
    const { app } = await anApp({ database_url: rig.databaseUrl, feed_interval: '10ms' })
    const id = String(parse((await rig.latchkey('keys', 'create', '--name', 'w', '--json')).stdout)['id'])
    const { number } = await app.store.changes.last()
    await app.store.replicaBook.confirm({ id: 'late', name: 'late/1', position: number, servesMs: 1 })
    expect(await rig.does('keys', 'revoke', id, '--wait')).toMatch(/^late\/1 did not confirm; /)
    await app.store.replicaBook.leave('late')
  })

  test('triggers are installed, listed and removed', async () => {
    expect(await rig.does('triggers', 'install')).toMatch(/^installed \d+ triggers\n$/)
    expect(await rig.json('triggers', 'list')).toContainEqual({ trigger: 'latchkey_virtual_key_update' })
    expect(await rig.does('triggers', 'remove')).toMatch(/^removed \d+ triggers\n$/)
    expect(await rig.json('triggers', 'list')).toEqual([])
  })

  test('a key that does not exist is a failure, not a usage error', async () => {
    for (const verb of ['show', 'disable', 'enable', 'revoke'])
      expect(await rig.latchkey('keys', verb, 'key_none')).toMatchObject({ code: 1, stdout: '' })
  })
})

type Row = Readonly<Record<string, unknown>>

const parse = (line: string): Row => JSON.parse(line) as Row
const asRows = (list: unknown): readonly Row[] => list as readonly Row[]
const byText = (a: unknown, b: unknown): number => String(a).localeCompare(String(b))
