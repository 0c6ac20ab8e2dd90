import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { stat, symlink, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CommandRig } from '../support/command-rig.ts'
import { createCommandRig } from '../support/command-rig.ts'
import { runLatchkey, startLatchkey } from '../support/latchkey-command.ts'

let rig: CommandRig
beforeAll(async () => {
  rig = await createCommandRig()
})
afterAll(() => rig.close())

const runIn = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  runLatchkey(args, { directory: rig.directory, env })

describe('usage', () => {
  test('--help lists every command on stdout and is no error', async () => {
    const { code, stdout, stderr } = await runIn(['--help'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    for (const command of [
      'serve',
      'demo',
      'migrate',
      'keys',
      'owners',
      'policies',
      'guardrails',
      'models',
      'limits',
      'apply',
      'export',
      'explain',
    ])
      expect(stdout).toMatch(new RegExp(`^  ${command}\\b`, 'm'))
  })

  test('--version prints the version of the package', async () => {
    const { version } = (await import('../../package.json', { with: { type: 'json' } })).default
    expect(await runIn(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
  })

  test.each([
    [[], /Usage: latchkey/],
    [['keys'], /Usage: latchkey keys/],
    [['kees'], /unknown command 'kees'/],
    [['keys', 'turn', 'key_1'], /unknown command 'turn'/],
    [['keys', 'list', '--nope'], /unknown option '--nope'/],
    [['keys', 'list', 'surplus'], /too many arguments/],
    [['keys', 'show'], /missing required argument 'id'/],
    [['serve', '--chek-timeout', '1s'], /unknown option '--chek-timeout'/],
  ])('%j is a usage error: 64, nothing on stdout', async (args, words) => {
    expect(await runIn(args)).toEqual({ code: 64, stdout: '', stderr: expect.stringMatching(words) })
  })

  test('a link to the program finds it, from any directory', async () => {
    const link = join(rig.directory, 'lk')
    await symlink(resolve(import.meta.dirname, '../../bin/latchkey'), link)
    const child = spawn(link, ['--version'], {
      cwd: '/',
      stdio: 'ignore',
      env: { PATH: process.env['PATH'] },
    })
    const [code] = (await once(child, 'exit')) as [number]
    expect(code).toBe(0)
  })
})

describe('where the store is', () => {
  test('DATABASE_URL, or the flag before it, or the YAML file; else latchkey.db in this directory', async () => {
    const at = (name: string) => stat(join(rig.directory, name)).then((found) => found.isFile())
    await runIn(['owners', 'create', 'a'], { DATABASE_URL: 'sqlite:variable.db' })
    await runIn(['owners', 'create', 'b', '--database-url', 'sqlite:flag.db'], {
      DATABASE_URL: 'sqlite:variable.db',
    })
    await writeFile(join(rig.directory, 'c.yaml'), 'database_url: sqlite:yaml.db\n')
    await runIn(['owners', 'create', 'c', '--config', 'c.yaml'])
    await runIn(['owners', 'create', 'd'])
    expect(await Promise.all(['variable.db', 'flag.db', 'yaml.db', 'latchkey.db'].map(at))).toEqual(
      Array.from({ length: 4 }, () => true),
    )
    const owners = async (url: string) =>
      (await runIn(['owners', 'list', '--database-url', url, '--json'])).stdout
    expect(await owners('sqlite:variable.db')).toMatch(/"path":"a"/)
    expect(await owners('sqlite:flag.db')).not.toMatch(/"path":"a"/)
  })

  test('faults of the configuration are told at once, with exit code 64 and without the password', async () => {
    const ran = await runIn(['keys', 'list'], {
      DATABASE_URL: 'postgres://me:hunter2@db/x',
      LATCHKEY_LISTN: 'x',
    })
    expect(ran).toMatchObject({ code: 64, stdout: '' })
    expect(ran.stderr).toMatch(/^latchkey: the configuration has 2 faults:\n {2}\S[^\n]*\n {2}\S[^\n]*\n$/)
    expect(ran.stderr).not.toContain('hunter2')
  })

  test('a store that does not answer is 69', async () => {
    for (const command of [['keys', 'list'], ['migrate'], ['serve']]) {
      const ran = await runIn(command, {
        DATABASE_URL: 'mysql://latchkey:hunter2@127.0.0.1:1/latchkey',
        LATCHKEY_HEALTH_LISTEN: 'off',
      })
      expect(ran).toMatchObject({ code: 69, stdout: '', stderr: expect.stringMatching(/^latchkey: /) })
      expect(ran.stderr.trimEnd().split('\n')).toHaveLength(1)
      expect(ran.stderr).not.toContain('hunter2')
    }
  })

  test('an embedded store whose directory is missing is told in one sentence', async () => {
    const { code, stdout, stderr } = await runIn(['keys', 'list'], {
      DATABASE_URL: 'sqlite:no/such/dir/x.db',
    })
    expect([1, 64, 69]).toContain(code)
    expect(stdout).toBe('')
    expect(stderr).toMatch(/^latchkey: .*no\/such\/dir.*\n$/)
    expect(stderr).not.toMatch(/internal error/)
  })
})

test('first commands that come at the same time make one store together', async () => {
  const env = { DATABASE_URL: 'sqlite:together.db' }
  const names = ['a', 'b', 'c', 'd']
  const ran = await Promise.all(names.map((name) => runIn(['keys', 'create', '--name', name], env)))
  expect(ran.map(({ code, stderr }) => ({ code, stderr }))).toEqual(
    names.map(() => ({ code: 0, stderr: expect.stringMatching(/created key_/) })),
  )
  const { stdout } = await runIn(['keys', 'list', '--json'], env)
  expect(JSON.parse(stdout)).toHaveLength(names.length)
})

describe('migrate', () => {
  test('applies what is pending, once, and --status tells', async () => {
    const url = { DATABASE_URL: 'sqlite:migrate.db' }
    const before = JSON.parse((await runIn(['migrate', '--status', '--json'], url)).stdout) as readonly Step[]
    expect(before.map(({ state }) => state)).toEqual(before.map(() => 'pending'))
    expect(before.length).toBeGreaterThan(0)
    const { stderr } = await runIn(['migrate'], url)
    expect(stderr.trimEnd().split('\n')).toEqual(before.map(({ step }) => `applied ${step}`))
    expect(await runIn(['migrate'], url)).toMatchObject({
      code: 0,
      stderr: 'nothing to do: the store is up to date\n',
    })
    const { stdout } = await runIn(['migrate', '--status'], url)
    expect(stdout).toMatch(/^STEP +STATE\n/)
    expect(stdout).not.toMatch(/pending/)
  })
})

type Step = Readonly<{ step: string; state: string }>

describe('explain', () => {
  let secret: string
  let id: string
  beforeAll(async () => {
    await rig.does('models', 'create', 'gpt-4o*', '--route', 'openai')
    const create = [
      'keys',
      'create',
      '--name',
      'e',
      '--limit',
      'requests=1/day',
      '--deny-model',
      'gpt-4o-pro',
      '--json',
    ]
    const made = JSON.parse((await rig.latchkey(...create)).stdout) as { id: string; secret: string }
    ;({ secret, id } = made)
  })

  const explain = (...args: readonly string[]) =>
    rig.json('explain', '--path', '/v1/chat/completions', ...args)

  test('by secret, by id and by a secret on standard input', async () => {
    const allowed = { outcome: 'allow', reason: null }
    expect(await explain('--key', secret, '--model', 'gpt-4o-mini')).toMatchObject(allowed)
    expect(await explain('--key', id, '--model', 'gpt-4o-mini')).toMatchObject(allowed)
    const { stdout } = await runLatchkey(
      ['explain', '--key', '-', '--path', '/v1/chat/completions', '--model', 'gpt-4o', '--json'],
      { directory: rig.directory, env: { DATABASE_URL: rig.databaseUrl }, stdin: `${secret}\n` },
    )
    expect(JSON.parse(stdout)).toMatchObject(allowed)
  })

  test('tells the step that refuses, and charges nothing', async () => {
    expect(await explain('--key', secret, '--model', 'gpt-4o-pro')).toMatchObject({
      outcome: 'deny',
      reason: 'model_not_allowed',
    })
    expect(await explain('--key', secret, '--model', 'claude')).toMatchObject({ reason: 'model_not_allowed' })
    expect(await explain('--key', secret, '--method', 'GET')).toMatchObject({ reason: 'path_not_allowed' })
    expect(await explain('--key', 'lk_wrong')).toMatchObject({
      reason: 'invalid_key',
      steps: [{ step: 'form', passed: false }],
    })
    const listing = await rig.json('explain', '--key', id, '--method', 'GET', '--path', '/v1/models')
    expect(listing).toMatchObject({ outcome: 'allow' })
    const limits = (await rig.json('limits', 'list', '--key', id)) as readonly { used: number }[]
    expect(limits.map(({ used }) => used)).toEqual([0])
    const { stdout } = await rig.latchkey(
      'explain',
      '--key',
      id,
      '--path',
      '/v1/chat/completions',
      '--model',
      'gpt-4o-pro',
    )
    expect(stdout).toMatch(/^STEP +PASSED +BECAUSE\n/)
    expect(stdout).toMatch(/\nmodel +NO +model_not_allowed: /)
    expect(stdout).toMatch(/\n\ndeny model_not_allowed: [^\n]+\n$/)
    expect(stdout).not.toContain(secret)
  })

  test('what is no address, or a label asked for twice, is an error and not another answer', async () => {
    const ip = await rig.latchkey('explain', '--path', '/', '--key', 'lk_x', '--ip', '10.0.0')
    expect([ip.code, ip.stderr]).toEqual([64, expect.stringContaining('--ip "10.0.0" must be an address')])
    for (const what of ['keys', 'owners']) {
      const { code, stderr } = await rig.latchkey(what, 'list', '--label', 'team=a', '--label', 'team')
      expect([code, stderr]).toEqual([64, expect.stringContaining('--label team is given twice')])
    }
  })

  test('a key id that nobody has is a failure', async () => {
    expect(await rig.latchkey('explain', '--key', 'key_none', '--path', '/')).toMatchObject({
      code: 1,
      stdout: '',
    })
  })
})

test('a reader that leaves early is no crash', async () => {
  for (let each = 0; each < 20; each += 1) await rig.does('guardrails', 'create', `guardrail-${each}`)
  const child = startLatchkey(['guardrails', 'list', '--json'], {
    directory: rig.directory,
    env: { DATABASE_URL: rig.databaseUrl },
  })
  child.stdout?.destroy()
  let stderr = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
  })
  await once(child, 'close')
  expect(stderr).toBe('')
})
