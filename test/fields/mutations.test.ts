// Whatever is enforced is missed by the table when it is taken away: each mutation of a copy of the source makes its rows fail.
import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { recordFigure } from '../support/figures.ts'
import { FIELD_TABLE } from './field-table.ts'
import type { Edit, Mutation } from './mutations.ts'
import { MUTATIONS } from './mutations.ts'

const TABLE = 'test/fields/sqlite.test.ts'
const ROOT = resolve(import.meta.dirname, '../..')

test('what each mutation takes away stands in the source, once', () => {
  const stands = ([path, text]: Edit) => readFileSync(join(ROOT, path), 'utf8').split(text).length === 2
  expect(MUTATIONS.filter(({ edits }) => !edits.every(stands))).toEqual([])
})

test('each row is missed by a mutation, and each mutation by a row', () => {
  const ofTable = MUTATIONS.filter(({ file }) => file === undefined)
  const isMissed = (name: string) => ofTable.some(({ fails }) => fails.test(name))
  expect(FIELD_TABLE.map(({ name }) => name).filter((name) => !isMissed(name))).toEqual(NOT_ENFORCED)
  expect(ofTable.filter(({ fails }) => !FIELD_TABLE.some(({ name }) => fails.test(name)))).toEqual([])
})

/** What people see in a list alone. */
const NOT_ENFORCED = ['told hint']

const inACopy = () => {
  let copy = ''
  beforeAll(() => {
    copy = mkdtempSync(join(tmpdir(), 'latchkey-mutations-'))
    for (const name of COPIED) cpSync(join(ROOT, name), join(copy, name), { recursive: true })
    symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
    writeFileSync(join(copy, 'mutations.config.ts'), CONFIG)
  })
  afterAll(() => rmSync(copy, { recursive: true }))

  test('nothing fails while nothing is taken away', async () => {
    expect(await run(copy, TABLE)).toEqual({ passed: FIELD_TABLE.map(({ name }) => name), failed: [] })
  })

  for (const mutation of MUTATIONS)
    test(`without ${mutation.without}`, async () => {
      const undo = mutation.edits.map((edit) => mutate(copy, edit))
      try {
        const { passed, failed } = await run(copy, mutation.file ?? TABLE, mutation.fails)
        expect(passed, 'passed all the same').toEqual([])
        expect(failed).not.toEqual([])
      } finally {
        // The newest first: two may be of one file.
        for (const each of undo.toReversed()) each()
      }
    })

  test('is told of', () => {
    recordFigure({
      name: 'enforcements taken away, each missed by its rows of the table of fields',
      value: MUTATIONS.length,
      command: 'make prove CASE=enforcement',
    })
  })
}

if (process.env['LATCHKEY_PROVE'] === '1') describe('in a copy of the source', inACopy)

const COPIED = [
  'src',
  'test',
  'tools',
  'proto',
  'migrations',
  'envoy',
  'docs',
  'package.json',
  'tsconfig.json',
]

const CONFIG = `export default {
  cacheDir: '.cache',
  test: { pool: 'forks', experimental: { viteModuleRunner: false }, testTimeout: 60_000 },
}
`

const mutate = (copy: string, [path, text, becomes]: Edit): (() => void) => {
  const file = join(copy, path)
  const before = readFileSync(file, 'utf8')
  writeFileSync(
    file,
    before.replace(text, () => becomes),
  )
  return () => writeFileSync(file, before)
}

type Report = Readonly<{
  testResults: readonly Readonly<{
    assertionResults: readonly Readonly<{
      title: string
      status: string
      failureMessages: readonly string[]
    }>[]
  }>[]
}>

/** Names of tests. One that ended otherwise than by what it asserts is no proof. */
const run = async (copy: string, file: Mutation['file'] & string, only?: RegExp) => {
  const report = join(copy, 'report.json')
  const pattern = only === undefined ? [] : ['--testNamePattern', only.source]
  const args = ['run', file, '--config', 'mutations.config.ts', '--reporter=json', `--outputFile=${report}`]
  const { LATCHKEY_FIGURES: _, ...env } = process.env
  // It ends with 1 when a test failed, as it should: what it reports decides.
  await promisify(execFile)('vitest', [...args, ...pattern], { cwd: copy, env }).catch(() => undefined)
  const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as Report
  rmSync(report)
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults)
  const named = (status: string) => tests.filter((each) => each.status === status)
  const broken = named('failed').filter(
    ({ failureMessages: [message = ''] }) => !/^(Assertion)?Error: .*\bexpected /.test(message),
  )
  if (broken.length > 0) throw new Error(JSON.stringify(broken[0]))
  const passed = named('passed').map(({ title }) => title)
  return {
    passed: passed.filter((title) => title !== 'each row has a name of its own'),
    failed: named('failed').map(({ title }) => title),
  }
}
