// Who types what the manual shows succeeds: every command parses, and does what it says on a new store.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { describe, expect, it, vi } from 'vitest'
import { createProgram, runCommand } from '../../src/cli/program.ts'
import { aDirectory } from '../support/closing.ts'
import type { Typed } from '../support/manual-pages.ts'
import { inlineCode, MANUAL_PAGES, pageText, typedBlocks, yamlBlocks } from '../support/manual-pages.ts'

const SILENT = { output: { line: () => {}, note: () => {} } }

/** What has to be there before a page begins. */
const RUN_PAGES: Readonly<Record<string, readonly string[]>> = {
  'README.md': [],
  'docs/as-code.md': [],
  'docs/envoy.md': ['guardrails create pii-mask'],
  'docs/guardrails.md': ['owners create acme'],
  'docs/keys-and-limits.md': [],
  'docs/models.md': [],
  'docs/operation.md': ['owners create acme'],
  'docs/policies.md': ['owners create acme'],
  'docs/quick-start.md': [],
  'docs/trust.md': [],
}

/** They serve, or look at files and databases that a page cannot bring along. */
const NOT_RUN = new Set(['serve', 'demo', 'doctor', 'accounts', 'migrate'])

const isRun = ({ words: [command = ''] }: Typed): boolean => !NOT_RUN.has(command)

/** It is shown because it refuses: there are not as many keys as it expects. */
const REFUSES = / --expect 12\b/

describe('every command', () => {
  it.each(MANUAL_PAGES)('of %s is one that the program knows', async (page) => {
    const typed = typedBlocks(pageText(page)).flat()
    const faults = await Promise.all(typed.map(async (each) => [each.line, await parseFault(each.words)]))
    expect(faults.filter(([, fault]) => fault !== undefined)).toEqual([])
  })

  it.each(Object.keys(RUN_PAGES))('of %s does what it says, one after the other', async (page) => {
    const directory = await aDirectory()
    const store = `sqlite:${join(directory, 'store.db')}`
    await writeFiles(directory)
    for (const line of RUN_PAGES[page] ?? []) await run(line.split(' '), store)
    for (const block of typedBlocks(pageText(page))) {
      const put = await placeholders(block, directory, store)
      for (const { line, words, environment } of block.filter(isRun)) {
        for (const each of environment) vi.stubEnv(...pairOf(each))
        const { code, said } = await run(words.map(put), store)
        vi.unstubAllEnvs()
        expect({ line, code, said }).toEqual({ line, code: REFUSES.test(line) ? 1 : 0, said })
      }
    }
  })

  it('has the options that sentences and tables name', () => {
    const known = new Set(optionsOf(createProgram(SILENT)))
    const named = MANUAL_PAGES.flatMap((page) =>
      inlineCode(pageText(page)).flatMap((code) =>
        [...code.matchAll(/(?:^|\s)(--[a-z][a-z-]+)/g)].map(([, flag = '']) => ({ page, flag })),
      ),
    )
    expect(named.length).toBeGreaterThan(50)
    expect(named.filter(({ flag }) => !known.has(flag) && flag !== OF_ENVOY)).toEqual([])
  })
})

const pairOf = (variable: string): [string, string] => {
  const [name = '', ...value] = variable.split('=')
  return [name, value.join('=')]
}

const OF_ENVOY = '--concurrency'

/** Why the program refuses to parse it; it is not run. */
const parseFault = async (words: readonly string[]): Promise<string | undefined> => {
  const program = createProgram(SILENT)
  for (const command of leavesOf(program)) command.action(() => {})
  return program.parseAsync(words, { from: 'user' }).then(
    () => undefined,
    (error: unknown) => String(error),
  )
}

const leavesOf = (command: Command): readonly Command[] =>
  command.commands.length === 0 ? [command] : command.commands.flatMap(leavesOf)

const optionsOf = (program: Command): readonly string[] =>
  leavesOf(program).flatMap(({ options }) => options.flatMap(({ long }) => long ?? []))

const run = async (words: readonly string[], store: string) => {
  const lines: string[] = []
  const notes: string[] = []
  const output = { line: (text: string) => lines.push(text), note: (text: string) => notes.push(text) }
  const config = words[0] === 'config' ? [] : ['--database-url', store]
  const code = await runCommand([...words, ...config], { output })
  return { code, said: notes.join('\n'), lines }
}

/** What a page leaves to its reader: an id of a key and of a limit, which each block has new, and files. */
const placeholders = async (block: readonly Typed[], directory: string, store: string) => {
  const isNeeded = block.some(({ line }) => line.includes('key_…') || line.includes('limits update'))
  const create = ['keys', 'create', '--name', 'reader', '--limit', 'requests=7/hour', '--json']
  const made = isNeeded ? (await run(create, store)).lines[0] : undefined
  const key = made === undefined ? '' : /"id":"(\w+)"/.exec(made)?.[1]
  const limits = isNeeded ? (await run(['limits', 'list', '--json'], store)).lines.join('') : ''
  const limit = [...limits.matchAll(/"id":(\d+)/g)].at(-1)?.[1]
  return (word: string) => {
    if (word === 'key_…') return String(key)
    if (/^\d+$/.test(word) && block.some(({ words }) => words[0] === 'limits' && words[2] === word))
      return String(limit)
    return /^[\w-]+\.(?:yaml|jsonl|csv)$/.test(word) ? join(directory, word) : word
  }
}

const KEYS = { name: 'moved', sha256: 'a'.repeat(64), owner: 'acme', limits: ['requests=100/day'] }
const TOKENS = `token,key_alias,team_id,max_budget\n${'b'.repeat(64)},ann,ops,5\n`

const writeFiles = async (directory: string): Promise<void> => {
  const [yaml = ''] = yamlBlocks(pageText('docs/as-code.md'))
  await writeFile(join(directory, 'latchkey.yaml'), yaml)
  await writeFile(join(directory, 'keys.jsonl'), JSON.stringify(KEYS))
  await writeFile(join(directory, 'tokens.csv'), TOKENS)
}
