// Keys at the command line: each secret is printed by the one command that makes it, and by nothing else, whatever goes wrong.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runInside } from '../support/command-inside.ts'
import { runLatchkey } from '../support/latchkey-command.ts'
import type { SecretSieve } from '../support/secret-sieve.ts'
import { createSieve } from '../support/secret-sieve.ts'

const PROVE = process.env['LATCHKEY_PROVE'] === '1'
const KEYS = PROVE ? 1_000 : 100
/** Of those, so many are asked for, and so many put where they do not belong. */
const ASKED = PROVE ? 100 : 3
const MISTAKEN = PROVE ? 20 : 1

let directory: string
let url: string
const secrets: string[] = []
const ids: string[] = []
const run = (...args: readonly string[]) => runInside([...args, '--database-url', url])
let sieve: SecretSieve
const sift = (text: string) => sieve.sift(text).slice(0, 5)

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'latchkey-canary-'))
  url = `sqlite:${join(directory, 'store.db')}`
  const half = String(KEYS / 2)
  const plain = await run('keys', 'create', '--name', 'ci', '--count', half)
  secrets.push(...plain.stdout.trimEnd().split('\n'))
  const json = await run(
    'keys',
    'create',
    '--name',
    'ci',
    '--count',
    half,
    '--limit',
    'requests=1/day',
    '--json',
  )
  for (const line of json.stdout.trimEnd().split('\n')) {
    const { id, secret } = JSON.parse(line) as { id: string; secret: string }
    ids.push(id)
    secrets.push(secret)
  }
  sieve = createSieve(secrets)
  // Each on one line of its own, once, and no word of it among the remarks.
  expect(new Set(secrets).size).toBe(KEYS)
  expect(json.stdout.match(/lk_/g)).toHaveLength(KEYS / 2)
  expect(sift(plain.stderr + json.stderr)).toEqual([])
})
afterAll(() => rm(directory, { recursive: true }))

/** Commands that succeed, each with every key. */
const ASKS: readonly (readonly [name: string, args: (secret: string, id: string) => readonly string[]])[] = [
  ['show', (_, id) => ['keys', 'show', id]],
  ['show --json', (_, id) => ['keys', 'show', id, '--json']],
  [
    'explain',
    (secret) => ['explain', '--key', secret, '--path', '/v1/chat/completions', '--model', 'gpt-4o'],
  ],
  ['explain --json', (secret) => ['explain', '--key', secret, '--path', '/v1/chat/completions', '--json']],
  ['explain by id', (_, id) => ['explain', '--key', id, '--path', '/v1/chat/completions']],
  [
    'explain of a malformed key',
    (secret) => ['explain', '--key', secret.slice(0, -1), '--path', '/v1/models'],
  ],
  [
    'explain of a path and a model',
    (secret, id) => ['explain', '--key', id, '--path', `/${secret}`, '--model', secret],
  ],
  ['update', (_, id) => ['keys', 'update', id, '--model', 'gpt-4o']],
  [
    'explain of what is not allowed',
    (secret, id) => ['explain', '--key', id, '--path', `/${secret}`, '--json'],
  ],
  [
    'explain of a model that is not',
    (secret, id) => ['explain', '--key', id, '--path', '/v1/embeddings', '--model', secret],
  ],
  ['rotate', (_, id) => ['keys', 'rotate', id, '--json']],
  ['expiring', () => ['keys', 'expiring', '--json']],
  ['revoke', (_, id) => ['keys', 'revoke', id, '--json']],
]

describe('what a command is asked of a key', () => {
  it.each(ASKS)('%s tells no secret', async (_, args) => {
    const told: string[] = []
    for (const [at, id] of ids.slice(0, ASKED).entries()) {
      const { code, stdout, stderr } = await run(...args(secrets[ids.length + at] ?? '', id))
      expect({ code, stderr }).toMatchObject({ code: 0 })
      expect(stdout + stderr).not.toBe('')
      told.push(stdout, stderr)
    }
    expect(sift(told.join('\n'))).toEqual([])
  })

  it('list tells none', async () => {
    for (const form of [[], ['--json'], ['--all']]) {
      const { stdout, stderr } = await run('keys', 'list', ...form)
      expect(stdout).toContain('default')
      expect(sift(stdout + stderr)).toEqual([])
    }
  })
})

/** Where a file of keys says it in the wrong column, and where it says it in the right one with something else wrong. */
const FILES: readonly ((secret: string) => Readonly<Record<string, unknown>>)[] = [
  (secret) => ({ sha256: secret, name: 'x' }),
  (secret) => ({ secret, name: ` ${secret}` }),
  (secret) => ({ secret, name: 'x', [secret]: 1 }),
  (secret) => ({ secret, name: 'x', owner: secret }),
  (secret) => ({ secret, name: 'x', policies: [secret] }),
  (secret) => ({ secret, name: 'x', limits: [secret], expires_at: secret }),
]

describe('a file of keys that cannot be imported', () => {
  it.each(FILES.map((line) => [JSON.stringify(line('SECRET')), line] as const))(
    '%s tells its faults without repeating a secret',
    async (_, line) => {
      const file = join(directory, 'keys.jsonl')
      await writeFile(
        file,
        secrets
          .slice(0, ASKED)
          .map((secret) => JSON.stringify(line(secret)))
          .join('\n'),
      )
      const { code, stdout, stderr } = await run('keys', 'import', file, '--create-owners')
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
      expect(stderr).toMatch(/line 1: /)
      expect(sift(stderr)).toEqual([])
    },
  )
})

/** A secret where something else belongs. */
const MISTAKES: readonly ((secret: string) => readonly string[])[] = [
  (secret) => [secret],
  (secret) => ['keys', secret],
  (secret) => ['keys', 'list', secret],
  (secret) => ['keys', 'list', '--owner', secret],
  (secret) => ['keys', 'list', `--${secret}`],
  (secret) => ['keys', 'show', secret],
  (secret) => ['keys', 'update', secret, '--name', 'x'],
  (secret) => ['keys', 'update', secret],
  (secret) => ['keys', 'disable', secret],
  (secret) => ['keys', 'revoke', secret],
  (secret) => ['keys', 'revoke', '--owner', secret],
  (secret) => ['keys', 'rotate', secret],
  (secret) => ['keys', 'rotate', 'key_x', '--grace', secret],
  (secret) => ['keys', 'rotate', 'key_x', '--idempotency-key', secret],
  (secret) => ['keys', 'expiring', '--owner', secret],
  (secret) => ['keys', 'expiring', '--within', secret],
  (secret) => ['keys', 'import', secret],
  (secret) => ['keys', 'create', '--name', ` ${secret}`],
  (secret) => ['keys', 'create', '--name', 'x', '--count', secret],
  (secret) => ['keys', 'create', '--name', 'x', '--limit', secret],
  (secret) => ['keys', 'create', '--name', 'x', '--limit', `requests=${secret}/day`],
  (secret) => ['keys', 'create', '--name', 'x', '--limit', `requests=1/day@${secret}`],
  (secret) => ['keys', 'create', '--name', 'x', '--expires', secret],
  (secret) => ['keys', 'create', '--name', 'x', '--policy', secret],
  (secret) => ['keys', 'create', '--name', 'x', '--owner', secret],
  (secret) => ['owners', 'create', secret],
  (secret) => ['owners', 'delete', secret],
  (secret) => ['policies', 'delete', secret],
  (secret) => ['guardrails', 'create', secret],
  (secret) => ['models', 'create', `${secret},`, '--route', 'x'],
  (secret) => ['models', 'create', 'x', '--route', secret],
  (secret) => ['models', 'show', secret],
  (secret) => ['limits', 'show', secret],
  (secret) => ['limits', 'list', '--key', secret],
  (secret) => ['limits', 'create', '--key', secret, '--limit', 'requests=1/day'],
  (secret) => ['explain', '--key', 'key_x', '--path', '/', '--declared-guardrail', secret, secret],
  (secret) => ['accounts', '--prefix', secret],
  (secret) => ['migrate', '--config', secret],
  (secret) => ['serve', '--listen', secret],
  (secret) => ['serve', '--log-level', secret],
]

describe('a secret where something else belongs', () => {
  it.each(MISTAKES.map((mistake) => [mistake('SECRET').join(' '), mistake] as const))(
    'latchkey %s fails without repeating it',
    async (_, mistake) => {
      for (const secret of secrets.slice(0, MISTAKEN)) {
        const { code, stdout, stderr } = await run(...mistake(secret))
        expect({ code, stdout }).not.toMatchObject({ code: 0 })
        expect(stderr).toMatch(/^latchkey: /)
        expect(sift(stdout + stderr)).toEqual([])
      }
    },
  )

  it('nor does a process of its own, with the secret as its store or on its standard input', async () => {
    const [secret = ''] = secrets
    for (const [args, env] of [
      [['keys', 'list', '--database-url', secret], {}],
      [['keys', 'list'], { DATABASE_URL: `mysql://root:${secret}@127.0.0.1:1/${secret}` }],
      [['keys', 'list'], { LATCHKEY_LISTEN: secret }],
      [['keys', 'list'], { [`LATCHKEY_${secret}`]: '1' }],
      [['explain', '--key', '-', '--path', '/'], { DATABASE_URL: url }],
    ] as const) {
      const { stdout, stderr } = await runLatchkey(args, { directory, env, stdin: `${secret}\n` })
      expect(stdout + stderr).not.toBe('')
      expect(sift(stdout + stderr)).toEqual([])
    }
  })

  it('and no secret is in the file of the store', async () => {
    const bytes = await readFile(join(directory, 'store.db'), 'latin1')
    expect(createSieve(secrets, { digests: false }).sift(bytes)).toEqual([])
  })
})
