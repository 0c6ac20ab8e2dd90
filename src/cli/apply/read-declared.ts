// YAML documents to one declared state: every fault with its file and line, and where each object stands for those found later.
import type { Node } from 'yaml'
import { isMap, isSeq, LineCounter, parseAllDocuments } from 'yaml'
import { firstTooDeep } from '../../config/nesting.ts'
import type { DeclaredState, StateFault } from '../../keys/declared-state.ts'
import type { InputFile } from './input-files.ts'
import type { Place, Places } from './read-objects.ts'
import { readGuardrail, readModel, readOwner, readPolicy } from './read-objects.ts'
import type { Source } from './yaml-fields.ts'
import { fieldsOf, resolved } from './yaml-fields.ts'

export type Declared = Readonly<{
  /** Of objects that have a fault too, as far as they could be read. */
  state: DeclaredState
  faults: readonly string[]
  /** A fault that a book found, in the same form. */
  told(fault: StateFault): string
}>

export const readDeclared = (files: readonly InputFile[]): Declared => {
  const faults: string[] = []
  const places: Places = new Map<string, Place>()
  const parts = files.flatMap((file) =>
    documentsOf(file, faults).map((source) => readSections(source, places)),
  )
  const joined = <T>(lists: readonly (readonly T[] | undefined)[]): readonly T[] | undefined =>
    lists.every((list) => list === undefined) ? undefined : lists.flatMap((list) => list ?? [])
  const state = {
    guardrails: joined(parts.map(({ guardrails }) => guardrails)),
    policies: joined(parts.map(({ policies }) => policies)),
    models: joined(parts.map(({ models }) => models)),
    owners: joined(parts.map(({ owners }) => owners)),
  }
  const isRead = files.length > 0 && faults.length === 0
  if (isRead && Object.values(state).every((section) => section === undefined))
    faults.push(`${files.map(({ name }) => name).join(', ')}: states nothing; sections are ${SECTIONS}`)
  return {
    state,
    faults,
    told: ({ kind, name, field, entry, words }) => {
      const place = places.get(`${kind} ${name}`)
      return `${place === undefined ? '' : `${place(field, entry)}: `}${kind} ${name}: ${words}`
    },
  }
}

const SECTIONS = 'guardrails, policies, models, owners'

const NOTHING: DeclaredState = {
  guardrails: undefined,
  policies: undefined,
  models: undefined,
  owners: undefined,
}

const documentsOf = ({ name, text }: InputFile, faults: string[]): readonly Source[] => {
  const lines = new LineCounter()
  const line = (offset: number) => `${name}:${lines.linePos(offset).line}`
  const tooDeep = (at: number): readonly Source[] => {
    faults.push(`${name}:${at}: is nested too deeply`)
    return []
  }
  try {
    const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false })
    const mistakes = documents.flatMap(({ errors, warnings }) => [...errors, ...warnings])
    if (mistakes.some(({ message }) => OVERFLOW.test(message))) return tooDeep(firstTooDeep(text) ?? 1)
    // Each bracket that is not closed is a mistake of its own.
    const open = mistakes.length === 0 ? undefined : firstTooDeep(text, BRACKETS)
    if (open !== undefined) return tooDeep(open)
    return documents.flatMap((document) => {
      const wrong = [...document.errors, ...document.warnings]
      for (const { pos, message } of wrong) faults.push(`${line(pos[0])}: ${message}`)
      if (wrong.length > 0) return []
      return [{ document, faults, where: (node) => line(node?.range?.[0] ?? 0) }]
    })
  } catch {
    return tooDeep(firstTooDeep(text) ?? 1)
  }
}

/** The parser's own stack overflows: it throws that, or takes it for a mistake of the text. */
const OVERFLOW = /^Maximum call stack/
/** Much JSON on one line is no depth. */
const BRACKETS = { open: 256, begun: Number.POSITIVE_INFINITY, indented: Number.POSITIVE_INFINITY }

const readSections = (source: Source, places: Places): DeclaredState => {
  const content = resolved(contentsOf(source), source)
  if (content === undefined) return NOTHING
  if (!isMap<Node, Node | null>(content)) {
    const is = isSeq(content) ? 'a list' : 'text'
    source.faults.push(`${source.where(content)}: is ${is}, and must be a map of ${SECTIONS}`)
    return NOTHING
  }
  const sections = fieldsOf(content, source)
  const section = <T>(
    name: keyof DeclaredState,
    read: (node: Node, source: Source, places: Places) => T | undefined,
  ): readonly T[] | undefined => {
    const before = source.faults.length
    const nodes = sections.nodes(name)
    const isNull = nodes === undefined && content.has(name) && source.faults.length === before
    if (isNull)
      source.faults.push(`${sections.whereIs(name, undefined)}: ${name} must be a list; [] is an empty one`)
    return nodes?.flatMap((node) => read(node, source, places) ?? [])
  }
  const state = {
    guardrails: section('guardrails', readGuardrail),
    policies: section('policies', readPolicy),
    models: section('models', readModel),
    owners: section('owners', readOwner),
  }
  sections.end('this file')
  return state
}

const contentsOf = ({ document }: Source): Node | null => document.contents
