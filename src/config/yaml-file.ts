// The YAML file: a map of settings, each with the line that it stands on; whatever else somebody writes is a fault with its line.
import type { Document, Node, Pair } from 'yaml'
import { isAlias, isMap, isNode, isScalar, LineCounter, parseDocument, visit } from 'yaml'
import { firstTooDeep } from './nesting.ts'
import { readSettingsFile } from './read-settings-file.ts'
import type { Sourced } from './sources.ts'
import { withSecretFiles } from './sources.ts'

export const fromYaml = (path: string | undefined, faults: string[]): Map<string, Sourced> => {
  const source = path === undefined ? undefined : readSettingsFile(path, 'configuration', faults)
  if (path === undefined || source === undefined) return new Map()
  const lines = new LineCounter()
  const tell = (offset: number, fault: string) => faults.push(`${whereIs(offset)}: ${fault}`)
  const whereIs = (offset: number) => `${path}:${Math.max(1, lines.linePos(offset).line)}`
  const tooDeep = firstTooDeep(source)
  if (tooDeep !== undefined) {
    faults.push(`${path}:${tooDeep}: is nested too deeply: a setting is a value or a list`)
    return new Map()
  }
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false })
  const wrong = [...document.errors, ...document.warnings]
  const bare = wrong.length === 0 ? undefined : firstBare(source)
  const first = Math.min(...wrong.map(({ pos }) => lines.linePos(pos[0]).line))
  // The parser takes such a line for the beginning of what comes next, and complains there.
  if (bare !== undefined && bare <= first) faults.push(`${path}:${bare}: is no setting: write NAME: VALUE`)
  else for (const { pos, message } of wrong) tell(pos[0], inOneLine(message))
  const references = referencesIn(document)
  for (const offset of references)
    tell(offset, 'anchors, aliases and merges are not read: write the value out')
  if (wrong.length + references.length > 0 || document.contents === null) return new Map()
  if (!isMap<Node>(document.contents)) {
    tell(document.contents.range?.[0] ?? 0, 'the configuration must be a map of settings')
    return new Map()
  }
  return withSecretFiles(layerOf(document, document.contents.items, { tell, whereIs }), faults)
}

type Telling = Readonly<{
  tell: (offset: number, fault: string) => void
  whereIs: (offset: number) => string
}>

const layerOf = (
  document: Document,
  items: readonly Pair<Node>[],
  { tell, whereIs }: Telling,
): Map<string, Sourced> => {
  const layer = new Map<string, Sourced>()
  for (const { key, value } of items) {
    const offset = key.range?.[0] ?? 0
    if (!isScalar(key) || typeof key.value !== 'string' || !SETTING.test(key.value))
      tell(offset, `${nameOf(key)} is not the name of a setting: there is no such setting`)
    else
      layer.set(key.value, {
        value: isNode(value) ? value.toJS(document) : null,
        where: `${whereIs(offset)}: ${key.value}`,
      })
  }
  return layer
}

const SETTING = /^[a-z][a-z0-9_]{0,63}$/

const nameOf = (key: Node): string => {
  const text = isScalar(key) ? JSON.stringify(key.value) : 'what stands before the colon'
  return text.length <= 80 ? text : `${text.slice(0, 80)}…`
}

/** Offsets of what makes one text stand for another: nobody needs it here, and few lines can stand for gigabytes. */
const referencesIn = (document: Document): readonly number[] => {
  const offsets: number[] = []
  visit(document, (_key, node) => {
    if (!isNode(node) || !(isAlias(node) || node.anchor !== undefined)) return undefined
    offsets.push(node.range?.[0] ?? 0)
    return offsets.length < 10 ? undefined : visit.BREAK
  })
  return offsets
}

/** The first line of a map that begins where names do and has no colon after one. */
const firstBare = (source: string): number | undefined => {
  const lines = source.split(/\r\n|\r|\n/)
  const begins = lines.find((line) => /^\s*[^\s#]/.test(line)) ?? ''
  if (!NAMED.test(begins) && !BARE.test(begins)) return undefined
  const index = lines.findIndex((line) => BARE.test(line) && !NAMED.test(line))
  return index === -1 ? undefined : index + 1
}

const BARE = /^["']?[A-Za-z_]/
const NAMED = /^("[^"]*"|'[^']*'|[A-Za-z_][^#]*?)\s*:(\s|$)/

const inOneLine = (message: string): string => {
  const line = message.replaceAll(/\s+/g, ' ').trim()
  return line.length <= 200 ? line : `${line.slice(0, 200)}…`
}
