// Configurations that nobody would write: each is read, or told with the line, variable or flag of every fault; never a crash, never a wait.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { defaultTextOf } from '../../src/config/settings.ts'
import { environmentName, flagName, SECRET_FILES, SETTING_NAMES } from '../../src/config/sources.ts'
import { loadConfig } from '../../src/config.ts'
import { Rejection } from '../../src/kernel/failure.ts'
import { recordFigure } from '../support/figures.ts'

const RUNS = process.env['LATCHKEY_PROVE'] === '1' ? 5_000 : 120
const MOST_MS = 300_000

const directory = mkdtempSync(join(tmpdir(), 'latchkey-fuzz-'))
afterAll(() => rmSync(directory, { recursive: true }))
const PATH = join(directory, 'latchkey.yaml')

type Sources = Readonly<{ flags?: Record<string, string>; environment?: Record<string, string> }>

/** Faults, one a line; undefined when it was read. Throws whatever is no Rejection. */
const faultsOf = ({ flags = {}, environment = {} }: Sources): readonly string[] | undefined => {
  try {
    loadConfig(flags, environment)
    return undefined
  } catch (error) {
    if (!(error instanceof Rejection) || error.code !== 'invalid') throw error
    const [first = '', ...more] = error.message.split('\n')
    return more.length === 0
      ? [first.replace('the configuration is wrong: ', '')]
      : more.map((line) => line.slice(2))
  }
}

const faultsOfFile = (content: string | Uint8Array): readonly string[] | undefined => {
  writeFileSync(PATH, content)
  return faultsOf({ flags: { config: PATH } })?.map((fault) => fault.replaceAll(PATH, 'F'))
}

/** At least one fault, and each with its place. */
const areTold = (faults: readonly string[] | undefined, place: RegExp): boolean =>
  faults === undefined || (faults.length > 0 && faults.every((fault) => place.test(fault)))

const LINE = /^(F:[1-9]\d*: |configuration file F (is larger|is not UTF-8 text: see line [1-9]))/

/** Settings that may be given their default by themselves: a file of any of them is sound. */
const FREE = SETTING_NAMES.flatMap((name) => {
  const usual = defaultTextOf(name)
  return usual !== undefined && faultsOf({ flags: { [name]: usual } }) === undefined
    ? [[name, usual] as const]
    : []
})

/** Lines of a sound file: settings in any order and any quotes, between comments and empty lines. */
const aSoundFile = fc
  .tuple(fc.shuffledSubarray([...FREE], { minLength: 1 }), fc.infiniteStream(fc.nat(5)))
  .map(([settings, choices]) =>
    settings.flatMap(([name, usual]) => {
      const choice = (): number => choices.next().value ?? 0
      const space = ['', '', '', '# a remark: with a colon', '', '   # [ {'].slice(0, choice() % 3)
      const value = [`'${usual}'`, JSON.stringify(usual), `${JSON.stringify(usual)}   # why`][choice() % 3]
      const isPlain = /^[a-z0-9.]+$/i.test(usual) && choice() === 0
      return [...space, isPlain ? `${name}: ${usual}` : `${name}: ${value}`]
    }),
  )

const isSetting = (line: string): boolean => /^[a-z]/.test(line)

/** What stands in place of a line, or beside it, and what is said of it. */
const PLANTS: readonly (readonly [string, (line: string) => string, RegExp])[] = [
  ['an unknown name', (line) => `x_${line}`, /there is no such setting/],
  ['no value', (line) => line.replace(/:.*/, ':'), /null is not|the value is not/],
  ['a wrong value', (line) => line.replace(/:.*/, ': { a: [1] }'), / is not /],
  ['a wrong text', (line) => line.replace(/:.*/, ': "\\0"'), / is not /],
  ['an anchor', (line) => line.replace(/: */, ': &a '), /anchors, aliases and merges/],
  ['an unknown tag', (line) => line.replace(/: */, ': !secret '), /Unresolved tag/],
  ['no colon', (line) => `"${line.replace(/:.*/, '')}"`, /is no setting: write NAME: VALUE|must be a map/],
]

const TOKENS = [
  ...SETTING_NAMES,
  ...SECRET_FILES.map(({ file }) => file),
  ': ',
  ':',
  '\n',
  '\n',
  ' ',
  '  ',
  '\t',
  '- ',
  '? ',
  '[',
  ']',
  '{',
  '}',
  ',',
  '"',
  "'",
  '&a ',
  '*a',
  '<<: ',
  '!!str ',
  '!x ',
  '|\n',
  '>\n',
  '---\n',
  '...\n',
  '%YAML 1.2\n',
  '#',
  '\r',
  '\u{feff}',
  '\0',
  '\u{2028}',
  '1',
  '1s',
  'off',
  'null',
  '~',
  '.inf',
  '0x7f',
  'true',
  '8MiB',
  '__proto__',
  'constructor',
]

describe('whatever the file holds, it is read or each fault has its line', () => {
  const held = (arbitrary: fc.Arbitrary<string | Uint8Array>) =>
    fc.assert(
      fc.property(arbitrary, (content) => areTold(faultsOfFile(content), LINE)),
      { numRuns: RUNS },
    )

  it('bytes', () => held(fc.uint8Array({ maxLength: 200 })), MOST_MS)
  it('any text', () => held(fc.string({ unit: 'binary', maxLength: 200 })), MOST_MS)
  it(
    'pieces of YAML',
    () => held(fc.array(fc.constantFrom(...TOKENS), { maxLength: 60 }).map((all) => all.join(''))),
    MOST_MS,
  )
  it(
    'pieces of YAML a hundred times over',
    () =>
      held(
        fc
          .tuple(fc.array(fc.constantFrom(...TOKENS), { maxLength: 6 }), fc.nat(300))
          .map(([all, times]) => all.join('').repeat(times)),
      ),
    MOST_MS,
  )
  it(
    'values of every JSON under every name',
    () =>
      held(
        fc
          .dictionary(
            fc.constantFrom(...SETTING_NAMES, ...SECRET_FILES.map(({ file }) => file)),
            fc.jsonValue({ maxDepth: 4 }),
            { minKeys: 1 },
          )
          .map((settings) =>
            Object.entries(settings)
              .map(([name, value]) => `${name}: ${JSON.stringify(value)}`)
              .join('\n'),
          ),
      ),
    MOST_MS,
  )
  it(
    'a sound file with bytes changed, lost and doubled',
    () =>
      held(
        fc
          .tuple(
            aSoundFile,
            fc.array(fc.tuple(fc.nat(), fc.nat(2), fc.nat(255)), { minLength: 1, maxLength: 8 }),
          )
          .map(([lines, changes]) => changed(Buffer.from(lines.join('\n')), changes)),
      ),
    MOST_MS,
  )
})

const changed = (bytes: Buffer, changes: readonly (readonly [number, number, number])[]): Uint8Array =>
  changes.reduce((all, [place, kind, byte]) => {
    const at = place % (all.length + 1)
    const kept = kind === 0 ? at + 1 : at
    return Buffer.concat([
      all.subarray(0, at),
      Buffer.from(kind === 1 ? [] : [byte]),
      all.subarray(kind === 1 ? at + 1 : kept),
    ])
  }, bytes)

describe('a fault that is planted in a sound file', () => {
  it(
    'which has none by itself',
    () => {
      fc.assert(
        fc.property(aSoundFile, (lines) => faultsOfFile(lines.join('\n')) === undefined),
        { numRuns: RUNS },
      )
    },
    MOST_MS,
  )

  it.each(PLANTS)(
    '(%s) is told with its line, and nothing else is',
    (_name, plant, words) => {
      fc.assert(
        fc.property(aSoundFile, fc.nat(), (lines, choice) => {
          const places = lines.flatMap((line, index) => (isSetting(line) ? [index] : []))
          const place = places[choice % places.length] ?? 0
          const faults = faultsOfFile(lines.with(place, plant(lines[place] ?? '')).join('\n'))
          expect(faults?.[0]).toMatch(new RegExp(`^F:${place + 1}: `))
          expect(faults?.[0]).toMatch(words)
          expect(faults).toHaveLength(1)
        }),
        { numRuns: RUNS },
      )
    },
    MOST_MS,
  )

  it(
    '(a setting twice) is told with the line of the second',
    () => {
      fc.assert(
        fc.property(aSoundFile, fc.nat(), (lines, choice) => {
          const settings = lines.filter(isSetting)
          const again = settings[choice % settings.length] ?? ''
          expect(faultsOfFile([...lines, again].join('\n'))).toEqual([
            expect.stringMatching(new RegExp(`^F:${lines.length + 1}: Map keys must be unique`)),
          ])
        }),
        { numRuns: RUNS },
      )
    },
    MOST_MS,
  )
})

describe('whatever a variable or a flag holds, it is read or the fault names it', () => {
  it.each([...SETTING_NAMES])(
    '%s',
    (name) => {
      const text = fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.constantFrom(...TOKENS),
        fc.array(fc.constantFrom(...TOKENS), { maxLength: 5 }).map((all) => all.join('')),
      )
      const [variable, flag] = [environmentName(name), flagName(name)]
      const names = new RegExp(`(^|[ ,])(${variable}|${flag}|${name})\\b`)
      fc.assert(
        fc.property(
          text,
          (value) =>
            areTold(faultsOf({ environment: { [variable]: value } }), names) &&
            areTold(faultsOf({ flags: { [name]: value } }), names),
        ),
        { numRuns: Math.ceil(RUNS / 10) },
      )
    },
    MOST_MS,
  )

  it(
    'and a variable of ours that is none is told by its name',
    () => {
      fc.assert(
        fc.property(fc.stringMatching(/^[A-Z_]{1,20}$/), fc.string(), (tail, value) => {
          const name = `LATCHKEY_X${tail}`
          const isLink = /(SERVICE_HOST|SERVICE_PORT|_PORT)/.test(name)
          return isLink || faultsOf({ environment: { [name]: value } })?.[0]?.startsWith(`${name}: `) === true
        }),
        { numRuns: RUNS },
      )
      const properties = 6 + 1 + PLANTS.length + 1 + 1
      recordFigure({
        name: 'generated configurations, each read or told with the place of every fault',
        value: properties * RUNS + 2 * SETTING_NAMES.length * Math.ceil(RUNS / 10),
        command: 'make prove CASE=configuration-fuzz',
      })
    },
    MOST_MS,
  )
})
