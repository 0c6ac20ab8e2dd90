// What the pages of the manual tell people to type: commands as words, and blocks of YAML.
import { globSync, readFileSync } from 'node:fs'

export const MANUAL_PAGES: readonly string[] = [...globSync('*.md'), ...globSync('docs/*.md')].sort()

export const pageText = (path: string): string => readFileSync(path, 'utf8')

export type Typed = Readonly<{
  /** As it stands there, continued lines joined. */
  line: string
  /** Variables that are set for it alone, as NAME=VALUE. */
  environment: readonly string[]
  /** Behind `latchkey`. */
  words: readonly string[]
}>

/** The commands of latchkey in each block of a page, in the order in which they stand. */
export const typedBlocks = (page: string): readonly (readonly Typed[])[] =>
  blocksIn(page, /^(sh)?$/)
    .map((text) =>
      text
        .replace(/\\\n\s*/g, '')
        .split('\n')
        .flatMap(typedIn),
    )
    .filter((typed) => typed.length > 0)

export const yamlBlocks = (page: string): readonly string[] => blocksIn(page, /^yaml$/)

/** Blocks without a language: what a command prints. */
export const outputBlocks = (page: string): readonly string[] => blocksIn(page, /^$/)

/** Each code that stands in a sentence or a table. */
export const inlineCode = (page: string): readonly string[] =>
  [...page.replace(FENCED, '').matchAll(/`([^`\n]+)`/g)].flatMap(([, code]) => code ?? [])

const FENCED = /^( *)```(\w*)\n([\s\S]*?)^ *```/gm

const blocksIn = (page: string, language: RegExp): readonly string[] =>
  [...page.matchAll(FENCED)].flatMap(([, , name = '', text = '']) => (language.test(name) ? [text] : []))

/** A prompt and variables may stand before it, and a variable may take what it prints. Output of a command has no such line. */
const COMMAND = /^\s*(?:\$ )?((?:[A-Z_]+=\S+ )*)(?:[A-Z_]+=\$\()?(?:bin\/)?latchkey (?!\w*:)([^)]+)\)?$/

const typedIn = (line: string): readonly Typed[] => {
  const [, variables = '', rest] = COMMAND.exec(line) ?? []
  const environment = variables.split(' ').filter(Boolean)
  return rest === undefined ? [] : [{ line: line.trim(), environment, words: wordsOf(rest) }]
}

/** As a shell splits them, until a pipe, a redirection or a comment. */
const wordsOf = (line: string): readonly string[] => {
  const end = line.search(/ (?:[|>&;#]|2>)/)
  const words = (end < 0 ? line : line.slice(0, end)).matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g)
  return [...words].map(([word]) => word.replace(/'([^']*)'|"([^"]*)"/g, '$1$2'))
}
