// The manual says what the code does: settings, reasons, headers and names are held against their source.
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { REASONS } from '../../src/check/decision.ts'
import { createProgram } from '../../src/cli/program.ts'
import { OWN_HEADER_NAMES } from '../../src/grpc/upstream-headers.ts'
import { ATTRIBUTE, EVENT, METRIC, SPAN } from '../../src/telemetry/names.ts'
import { withSettings } from '../../tools/settings-table.ts'

const read = (path: string) => readFileSync(path, 'utf8')
const pages = [...globSync('*.md'), ...globSync('docs/*.md')].sort()

describe('the manual', () => {
  it('lists every setting with its form and default (npm run docs writes it)', () => {
    const page = read('docs/configuration.md')
    expect(withSettings(page)).toBe(page)
  })

  it('lists every reason with its status and what an SDK is told', () => {
    const rows = [...read('docs/answers.md').matchAll(/^\| `(\w+)` \| (\d{3}) \| ([\w ]+) \|/gm)]
    const told = rows.map(([, reason, status, retry]) => [reason, Number(status), retry])
    const words = { true: 'yes', false: 'no', undefined: 'as it likes' }
    const real = Object.entries(REASONS).map(([reason, { status, retry }]) => [
      reason,
      status,
      words[`${retry}`],
    ])
    expect(told).toEqual(real)
  })

  it('names every span, event, attribute and metric', () => {
    const page = read('docs/telemetry.md')
    expect(NAMES.filter((name) => !page.includes(`\`${name}\``))).toEqual([])
  })

  it('names nothing of ours that does not exist', () => {
    const told = [...read('docs/telemetry.md').matchAll(/`((?:latchkey|rpc)\.[a-z_.]+)`/g)].map(
      ([, name]) => name ?? '',
    )
    expect(told.filter((name) => !NAMES.includes(name))).toEqual([])
  })

  it('tells the model server every header of ours', () => {
    const page = read('docs/envoy.md')
    expect(OWN_HEADER_NAMES.filter((name) => !page.includes(`\`${name}\``))).toEqual([])
  })

  it.each(pages)('%s shows only commands and options that exist', (page) => {
    const nothing = { line: () => {}, note: () => {} }
    const program = createProgram({ output: nothing })
    expect(commandsIn(read(page)).flatMap((line) => unknownIn(program, line))).toEqual([])
  })

  it.each(pages)('%s links to what exists', (page) => {
    const links = [...read(page).matchAll(/\]\((?!https?:)([^)#\s]+)?(?:#([^)\s]+))?\)/g)]
    const broken = links.filter(([, path, anchor]) => {
      const target = path === undefined ? page : join(dirname(page), path)
      return !existsSync(target) || (anchor !== undefined && !anchorsOf(target).includes(anchor))
    })
    expect(broken.map(([link]) => link)).toEqual([])
  })
})

const NAMES: readonly string[] = [SPAN, EVENT, ATTRIBUTE, METRIC].flatMap((names) => Object.values(names))

/** Anchors as the usual viewers of Markdown make them. */
const anchorsOf = (path: string): readonly string[] =>
  [...read(path).matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  )

/** Lines of shell blocks that run latchkey, continued lines joined. */
const commandsIn = (page: string): readonly string[] =>
  [...page.matchAll(/^```sh\n([\s\S]*?)^```/gm)]
    .flatMap(([, block = '']) => block.replace(/\\\n\s*/g, '').split('\n'))
    .map((line) => /(?:^|\s)latchkey (.*)$/.exec(line)?.[1] ?? '')
    .filter(Boolean)

/** What of a command line the program does not know: a command, or an option of it. */
const unknownIn = (program: Command, line: string): readonly string[] => {
  const words = line.split(/\s+/)
  let command = program
  for (const word of words) {
    const next = command.commands.find((each) => each.name() === word)
    if (next === undefined) break
    command = next
  }
  if (command.commands.length > 0) return [`latchkey ${line}: no such command`]
  const known = command.options.map(({ long }) => long)
  const unknown = words.filter((word) => word.startsWith('--') && !known.includes(word))
  const missing = command.options.filter(
    ({ mandatory, long, short }) => mandatory && ![long, short].some((flag) => words.includes(flag ?? '')),
  )
  return [...unknown, ...missing.map(({ long }) => `no ${long}`)].map((what) => `latchkey ${line}: ${what}`)
}
