// The life of keys from the command line: rotated, revoked by the owner, seen to expire.
import { randomUUID } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import { createSecrets, DEFAULT_SECRET_FORMATS } from '../../src/keys/secret.ts'
import { anApp } from '../support/app-rig.ts'
import { onClose } from '../support/closing.ts'
import { runInside } from '../support/command-inside.ts'
import type { CommandRig } from '../support/command-rig.ts'
import { createCommandRig } from '../support/command-rig.ts'
import { until } from '../support/until.ts'

const { recognise } = createSecrets(DEFAULT_SECRET_FORMATS)
type Row = Readonly<Record<string, unknown>>

let rig: CommandRig
beforeEach(async () => {
  rig = await createCommandRig()
  onClose(rig.close)
})

const latchkey = (...args: readonly string[]) => runInside([...args, '--database-url', rig.databaseUrl])
const json = async (...args: readonly string[]): Promise<Row> => {
  const { code, stdout, stderr } = await latchkey(...args, '--json')
  expect({ args, code }).toEqual({ args, code: 0 })
  // Making the store is told once.
  if (!stderr.startsWith('created')) expect(stderr).toBe('')
  return JSON.parse(stdout) as Row
}
const aKey = async (...args: readonly string[]) => {
  const { id, secret, hint } = await json('keys', 'create', '--name', 'k', ...args)
  return { id: String(id), secret: String(secret), hint: String(hint) }
}

describe('keys rotate', () => {
  test('prints the new secret alone, and show tells both with their end', async () => {
    const { id, hint } = await aKey()
    const { code, stdout, stderr } = await latchkey('keys', 'rotate', id, '--grace', '24h')
    expect({ code, secret: recognise(stdout.trimEnd()) }).toEqual({ code: 0, secret: true })
    expect(stdout).toBe(`${stdout.trimEnd()}\n`)
    expect(stderr).toMatch(
      /^rotated key_\w+; the secret before is accepted until 20\d\d-\S+Z; the new one:\n$/,
    )
    const shown = await json('keys', 'show', id)
    expect(shown).toMatchObject({
      hint: stdout.trimEnd().slice(-4),
      secrets: [
        { hint: stdout.trimEnd().slice(-4), accepted_until: null },
        { hint, accepted_until: expect.any(String) as string },
      ],
    })
    expect((await latchkey('keys', 'show', id)).stdout).toMatch(/HINT +CREATED AT +ACCEPTED UNTIL/)
  })

  test('the same idempotency key has the same answer to the letter; another one another secret', async () => {
    const { id } = await aKey()
    const name = randomUUID()
    const rotate = (key: string, ...more: readonly string[]) =>
      json('keys', 'rotate', id, '--grace', '1h', '--idempotency-key', key, ...more)
    const first = await rotate(name)
    expect(Object.keys(first)).toEqual(['id', 'secret', 'hint', 'rotated_at', 'grace_ends_at'])
    expect(recognise(String(first['secret']))).toBe(true)
    expect(await rotate(name)).toEqual(first)
    expect(await rotate(name.toUpperCase())).toEqual(first)
    expect((await rotate(randomUUID(), '--force'))['secret']).not.toBe(first['secret'])
    expect((await latchkey('keys', 'rotate', id, '--grace', '1h', '--idempotency-key', name)).stderr).toMatch(
      /^rotated before key_/,
    )
  })

  test('a secret in another format than the first cannot be told again, and says so', async () => {
    const { id } = await aKey()
    const args = ['keys', 'rotate', id, '--idempotency-key', randomUUID()]
    await json(...args)
    const env = { DATABASE_URL: rig.databaseUrl, LATCHKEY_KEY_FORMATS: 'sk-:51:none,lk_:39:crc32' }
    const { runLatchkey } = await import('../support/latchkey-command.ts')
    const { code, stderr } = await runLatchkey(args, { directory: rig.directory, env })
    expect({ code, told: /not the first of key_formats any more/.test(stderr) }).toEqual({
      code: 1,
      told: true,
    })
  })

  test('--wait ends when the replicas know both secrets; at once without a grace', async () => {
    const { id, secret } = await aKey()
    const { app, answer } = await anApp({ database_url: rig.databaseUrl, feed_interval: '10ms' })
    await until(async () => (await app.store.replicaBook.heardSince(0)).length === 1)
    expect(await answer(secret)).toMatchObject({ allowed: true })
    const args = ['keys', 'rotate', id, '--wait', '--json', '--grace']
    const rotated = await latchkey(...args, '1h')
    expect(rotated.stderr).toBe('confirmed by 1 replica\n')
    const next = String((JSON.parse(rotated.stdout) as Row)['secret'])
    expect([await answer(secret), await answer(next)]).toMatchObject([{ allowed: true }, { allowed: true }])
    await latchkey(...args, '0s', '--force')
    expect([await answer(secret), await answer(next)]).toMatchObject([
      { reason: 'invalid_key' },
      { reason: 'invalid_key' },
    ])
  })

  test.each([
    [['--grace', 'long'], /--grace "long" must be a time/],
    [['--grace', '400d'], /a grace is from 0s to 366d/],
    [['--idempotency-key', 'november'], /a random UUID \(version 4\)/],
  ])('%j is a usage error', async (args, sentence) => {
    const { id } = await aKey()
    const { code, stdout, stderr } = await latchkey('keys', 'rotate', id, ...args)
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' })
    expect(stderr).toMatch(sentence)
  })
})

test('a revoked key stays so: no verb restores it', async () => {
  const { id } = await aKey()
  await json('keys', 'revoke', id)
  for (const verb of [['enable'], ['disable'], ['update', '--expires', '30d'], ['rotate']]) {
    const [name = '', ...more] = verb
    const { code, stdout, stderr } = await latchkey('keys', name, id, ...more)
    expect({ verb, code, stdout }).toEqual({ verb, code: 1, stdout: '' })
    expect(stderr).toBe(`latchkey: key ${id} is revoked, for ever\n`)
  }
  expect(await json('keys', 'show', id)).toMatchObject({ status: 'revoked' })
})

describe('keys revoke --owner', () => {
  const live = async () =>
    (JSON.parse((await latchkey('keys', 'list', '--json')).stdout) as Row[]).map(({ id }) => id)

  test('a dry run lists what would be revoked and revokes none; then all are, and are counted', async () => {
    const below = await aKey('--owner', 'acme/search', '--create-owner')
    const other = await aKey('--owner', 'beta', '--create-owner')
    const dry = await latchkey('keys', 'revoke', '--owner', 'acme', '--dry-run')
    expect(dry.code).toBe(0)
    expect(dry.stdout).toContain(below.id)
    expect(dry.stdout).not.toContain(other.id)
    expect(dry.stderr).toBe('1 key would be revoked\n')
    expect(await live()).toHaveLength(2)
    const counted = await latchkey('keys', 'revoke', '--owner', 'acme', '--expect', '2')
    expect(counted).toMatchObject({ code: 1, stderr: expect.stringMatching(/none was revoked/) as string })
    expect(await latchkey('keys', 'revoke', '--owner', 'acme', '--dry-run', '--expect', '2')).toMatchObject({
      code: 1,
    })
    expect(await live()).toHaveLength(2)
    const done = await latchkey('keys', 'revoke', '--owner', 'acme', '--expect', '1', '--wait')
    expect(done).toMatchObject({
      code: 0,
      stderr: 'confirmed by 0 replicas\nrevoked 1 key of acme and below\n',
    })
    expect(await json('keys', 'revoke', '--owner', 'acme')).toEqual({ owner: 'acme', revoked: 0 })
    expect(await live()).toEqual([other.id])
  })

  test.each([
    [[], /name one key by its id, or all of an owner/],
    [['key_x', '--owner', 'acme'], /name one key by its id, or all of an owner/],
    [['key_x', '--dry-run'], /are for --owner/],
    [['--owner', 'acme', '--expect', 'all'], /--expect "all" must be a whole number/],
    [['--owner', 'acme', '--dry-run', '--wait'], /cannot be used with/],
  ])('%j is a usage error', async (args, sentence) => {
    const { code, stdout, stderr } = await latchkey('keys', 'revoke', ...args)
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' })
    expect(stderr).toMatch(sentence)
  })
})

test('keys expiring lists keys and secrets that end within the time, as a table and as an array', async () => {
  const soon = await aKey('--expires', '7d', '--owner', 'acme', '--create-owner')
  await aKey('--expires', '60d')
  const rotated = await aKey()
  await json('keys', 'rotate', rotated.id, '--grace', '24h')
  const rows = JSON.parse((await latchkey('keys', 'expiring', '--json')).stdout) as Row[]
  expect(rows).toEqual([
    expect.objectContaining({ what: 'secret', id: rotated.id, hint: rotated.hint }),
    expect.objectContaining({ what: 'key', id: soon.id, owner: 'acme', hint: soon.hint }),
  ])
  expect((await latchkey('keys', 'expiring', '--owner', 'acme')).stdout).toMatch(
    /^ENDS AT +WHAT +ID +NAME +OWNER +HINT\n20\d\d\S+ +key +key_\w+ +k +acme +\w{4}\n$/,
  )
  expect(await latchkey('keys', 'expiring', '--within', '1h')).toMatchObject({
    code: 0,
    stdout: '',
    stderr: 'nothing ends within 1h\n',
  })
  expect(await latchkey('keys', 'expiring', '--within', 'soon')).toMatchObject({ code: 64 })
})
