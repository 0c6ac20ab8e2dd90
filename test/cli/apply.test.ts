// latchkey apply and export, as people and pipelines use them.
import { mkdir, readdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readDeclared } from '../../src/cli/apply/read-declared.ts'
import { stateText } from '../../src/cli/apply/state-text.ts'
import type { DeclaredState } from '../../src/keys/declared-state.ts'
import { isSame } from '../../src/keys/state-plan.ts'
import type { CommandRig } from '../support/command-rig.ts'
import { createCommandRig } from '../support/command-rig.ts'
import { storedStates } from '../support/generated-states.ts'
import { runLatchkey } from '../support/latchkey-command.ts'

const WHOLE = `guardrails: [pii-mask]
policies:
  - {name: default, models: ['gpt-4o*'], guardrails: [pii-mask]}
models:
  - {name: 'gpt-4o*', route: openai, guardrails: [pii-mask]}
owners:
  - path: acme
  - path: acme/search
    policies: [default]
    limits: [requests=1M/month@Europe/Berlin]
`
const LINES = `+ guardrail pii-mask
+ policy default: models [gpt-4o*], guardrails [pii-mask]
+ model gpt-4o*: route openai, guardrails [pii-mask]
+ owner acme
+ owner acme/search: policies [default]
+ limit requests/month@Europe/Berlin on acme/search: amount 1000000
`

describe('on one store', () => {
  let rig: CommandRig
  const file = async (name: string, text: string): Promise<string> => {
    await writeFile(join(rig.directory, name), text)
    return join(rig.directory, name)
  }
  beforeAll(async () => {
    rig = await createCommandRig()
    await rig.does('migrate')
  })
  afterAll(() => rig.close())

  test('a dry run shows what apply then does; the second time there is nothing to do', async () => {
    const path = await file('whole.yaml', WHOLE)
    const told = { stdout: LINES, stderr: 'would make 6 changes\n' }
    expect(await rig.latchkey('apply', '-f', path, '--dry-run')).toEqual({ code: 0, ...told })
    expect(await rig.latchkey('apply', '-f', path, '--dry-run', '--exit-code')).toEqual({ code: 2, ...told })
    expect(await rig.latchkey('apply', '-f', path)).toEqual({
      code: 0,
      stdout: LINES,
      stderr: 'made 6 changes\n',
    })
    const again = { code: 0, stdout: '', stderr: 'made 0 changes\n' }
    expect(await rig.latchkey('apply', '-f', path)).toEqual(again)
    expect((await rig.latchkey('apply', '-f', path, '--dry-run', '--exit-code')).code).toBe(0)
    expect(await rig.json('owners', 'show', 'acme/search')).toMatchObject({
      policies: ['default'],
      limits: [{ amount: 1_000_000, zone: 'Europe/Berlin' }],
    })
    await rig.does('keys', 'create', '--name', 'k', '--owner', 'acme/search')
  })

  test('what is exported is applied without a change, from a file too', async () => {
    const path = join(rig.directory, 'exported.yaml')
    const { stdout } = await rig.latchkey('export')
    expect(await rig.does('export', '-o', path)).toBe(`wrote ${path}\n`)
    expect(await readFile(path, 'utf8')).toBe(stdout)
    expect(stdout).toContain('limits: [requests=1000000/month@Europe/Berlin]')
    expect(await rig.json('apply', '-f', path, '--prune')).toEqual({ applied: true, changes: [], left: [] })
    expect((await readdir(rig.directory)).filter((name) => name.endsWith('.tmp'))).toEqual([])
    const nowhere = await rig.latchkey('export', '-o', join(rig.directory, 'no', 'such'))
    expect(nowhere).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/ENOENT/) as string })
  })

  test('a change tells what was and what becomes, for machines too; what is not stated is left, or pruned when told', async () => {
    const path = await file('less.yaml', 'policies: [{name: default, denied_models: [x]}]\nmodels: []\n')
    expect(await rig.latchkey('apply', '-f', path, '--dry-run')).toEqual({
      code: 0,
      stdout:
        '~ policy default: models [gpt-4o*] → unset, denied_models [] → [x], guardrails [pii-mask] → []\n',
      stderr:
        'would make 1 change\n1 object in the store not stated, and left (--prune deletes): model gpt-4o*\n',
    })
    expect(await rig.json('apply', '-f', path, '--prune')).toEqual({
      applied: true,
      changes: [
        {
          action: 'update',
          kind: 'policy',
          name: 'default',
          fields: [
            { field: 'models', before: ['gpt-4o*'], after: null },
            { field: 'denied_models', before: [], after: ['x'] },
            { field: 'guardrails', before: ['pii-mask'], after: [] },
          ],
        },
        { action: 'delete', kind: 'model', name: 'gpt-4o*', fields: [] },
      ],
      left: [],
    })
    const nobody = await file('nobody.yaml', 'owners: []\n')
    expect(await rig.latchkey('apply', '-f', nobody, '--prune')).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^latchkey: nothing was changed: owner acme\/search has keys/) as string,
    })
  })

  test('several files, documents and a directory are one state', async () => {
    const folder = join(rig.directory, 'state')
    await mkdir(folder)
    await writeFile(join(folder, 'b.yaml'), 'owners: [{path: b/c}]\n---\nguardrails: [g2]\n---\n')
    await writeFile(join(folder, 'a.json'), '{"owners":[{"path":"b"}],"guardrails":[{"name":"g1"}]}')
    await writeFile(join(folder, 'note.txt'), 'not read')
    const more = await file('more.yml', 'owners: [&o {path: d}]\n')
    const { stdout } = await rig.latchkey('apply', '-f', folder, '-f', more)
    expect(stdout).toBe('+ guardrail g1\n+ guardrail g2\n+ owner b\n+ owner b/c\n+ owner d\n')
    const twice = await rig.latchkey(
      'apply',
      '-f',
      more,
      '-f',
      await file('again.yml', '\nowners: [{path: d}]\n'),
    )
    expect(twice.code).toBe(64)
    expect(twice.stderr).toMatch(/again\.yml:2: owner d is stated already, at .*more\.yml:1\n$/)
  })

  test('every fault is told at once with its file and line, and nothing is applied', async () => {
    const path = await file('faulty.yaml', FAULTY)
    const before = (await rig.latchkey('export')).stdout
    const { code, stdout, stderr } = await rig.latchkey('apply', '-f', path)
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' })
    const told = stderr.split('\n').filter((line) => line.startsWith('  '))
    // One that only the reader finds is as good as one that the store finds.
    const unread = await file('unread.yaml', 'guardrails: [unread]\nmodles: []\n')
    expect((await rig.latchkey('apply', '-f', unread)).stderr).toMatch(
      /^latchkey: nothing was changed: .*:2: this file has no field "modles"/,
    )
    expect(told.map((line) => line.replace(`  ${path}:`, '').replace(/[;,].*/, ''))).toEqual(FAULTS)
    expect((await rig.latchkey('export')).stdout).toBe(before)
  })

  test.each([
    ['a list that does not end', 'owners: [', /:1: Flow sequence/],
    ['a section twice', 'owners: []\nowners: []', /:2: Map keys must be unique/],
    ['a list of sections', '- x', /:1: is a list, and must be a map of guardrails/],
    ['an empty file', '', /: states nothing/],
    ['a section that is null', 'policies:', /:1: policies must be a list; \[\]/],
    ['an alias of nothing', 'policies: [{name: p, models: *all}]', /:1: there is no &all before this alias/],
    ['an entry that is null', 'policies: [{name: p, models: [~]}]', /:1: models must hold text/],
    ['lists in lists in lists', `\n\nowners: ${'['.repeat(50_000)}`, /^f:3: is nested too deeply$/],
    ['more lists than anybody nests', `owners: ${'['.repeat(300)}`, /^f:1: is nested too deeply$/],
    ['maps in maps in maps', `\nowners:${' {a:'.repeat(50_000)}`, /^f:2: is nested too deeply$/],
    ['entries in entries in entries', `\n${'- '.repeat(50_000)}`, /^f:2: is nested too deeply$/],
    ['a model without a route', 'models: [{name: m}]', /:1: model m must have a route/],
    ['an owner without a path', 'owners: [{}]', /:1: owner must have a path/],
  ])('%s is refused', (_what, text, words) => {
    expect(readDeclared([{ name: 'f', text }]).faults).toContainEqual(expect.stringMatching(words))
  })

  test('a file that is no UTF-8 is refused with its line, a larger one than anybody writes as a whole', async () => {
    const latin = join(rig.directory, 'latin.yaml')
    await writeFile(latin, Buffer.from('guardrails:\n  - ok\n  # caf\u00e9\n', 'latin1'))
    const endless = join(rig.directory, 'endless.yaml')
    await writeFile(endless, '')
    await truncate(endless, 2 ** 26 + 1)
    const { code, stderr } = await rig.latchkey('apply', '-f', latin, '-f', endless)
    expect(code).toBe(64)
    expect(stderr).toContain(`${latin}:3: is not UTF-8 text`)
    expect(stderr).toContain(`${endless}: is larger than 64MiB`)
  })

  test('standard input is read to its end, whatever it is cut into, and without its byte order mark', async () => {
    const run = (stdin: string) =>
      runLatchkey(['apply', '-f', '-', '--dry-run'], {
        directory: rig.directory,
        env: { DATABASE_URL: rig.databaseUrl },
        stdin,
      })
    const comments = `# ${'\u00e9'.repeat(100)}\n`.repeat(1_000)
    const { code, stdout } = await run(`\ufeff${comments}owners: [{path: of-stdin}]\n`)
    expect({ code, stdout }).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('+ owner of-stdin') as string,
    })
  })

  test('a file that is not there, and options that do not belong together, are refused', async () => {
    const none = await rig.latchkey('apply', '-f', '/no/such', '-f', await file('ok.yaml', WHOLE))
    expect(none).toMatchObject({ code: 64, stderr: expect.stringMatching(/\/no\/such: .*ENOENT/) as string })
    const alone = await rig.latchkey('apply', '-f', '/no/such')
    expect(alone.stderr).toBe('latchkey: nothing was changed: /no/such: cannot be read (ENOENT)\n')
    expect((await rig.latchkey('apply')).code).toBe(64)
    expect((await rig.latchkey('apply', '-f', 'x', '--exit-code')).stderr).toMatch(/goes with --dry-run/)
  })
})

test('any state is read from its own text, and that text says nothing that goes without saying', () => {
  fc.assert(
    fc.property(storedStates(), (state) => {
      const text = stateText(state)
      const { state: read, faults } = readDeclared([{ name: 'f', text }])
      expect(faults).toEqual([])
      expect(isSame(active(read), state)).toBe(true)
      expect(text).not.toMatch(/^ .*(guardrails|policies|denied_models|limits|disabled): (\[\]|false)$/m)
    }),
    { numRuns: process.env['LATCHKEY_PROVE'] === '1' ? 20_000 : 500 },
  )
})

test('whatever the text is, it is read or refused with its line', () => {
  const words = fc.constantFrom(
    ...'guardrails policies owners path name : - [ ] { } , & * ! | > # \n " 1'.split(' '),
  )
  fc.assert(
    fc.property(fc.array(words, { maxLength: 30 }), (pieces) => {
      const { faults } = readDeclared([{ name: 'f', text: pieces.join(' ') }])
      for (const fault of faults) expect(fault).toMatch(/^f(:\d+: |: states nothing)/)
    }),
    { numRuns: process.env['LATCHKEY_PROVE'] === '1' ? 100_000 : 1_000 },
  )
})

/** Only what is disabled says so. */
const active = (state: DeclaredState): DeclaredState => ({
  ...state,
  owners: state.owners?.map((owner) => ({ ...owner, disabled: owner.disabled ?? false })),
})

const FAULTY = `guardrails: [12, NO]
policies:
  - name: p
    modles: [a]
    models: [ok, 'a,b']
    guardrails: [ghost]
  - name: p
owner: []
owners:
  - path: e
    policies: [ghost]
    disabled: 'yes'
    limits: [requests=1M/month@Nowhere, requests=1/day, 5, tokens=1/day]
  - path: ghost/x
  - just text
`
const FAULTS = [
  '1: guardrail must be its name',
  '1: guardrail NO: guardrail name "NO" must be 1 to 63 of a-z 0-9 . _ - and begin with a letter or digit',
  '4: a policy has no field "modles"',
  '5: policy p: model name "a',
  '6: policy p: guardrail "ghost" does not exist',
  '7: policy p is stated already',
  '8: this file has no field "owner"',
  '11: owner e: policy "ghost" does not exist',
  '12: disabled must be true or false',
  '13: limits must hold text',
  '13: time zone "Nowhere" is unknown',
  '13: limit "tokens=1/day": only requests can be limited',
  '14: owner ghost/x: owner "ghost" does not exist',
  '15: owner must be a map with a path',
]
