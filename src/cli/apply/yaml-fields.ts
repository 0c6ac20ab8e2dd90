// One map of a YAML document, read field by field; what is wrong is told with its line, and so is what nobody asked for.
import type { Document, Node, YAMLMap } from 'yaml'
import { isAlias, isMap, isScalar, isSeq } from 'yaml'

/** One document of a file, and what was found wrong with all of them. */
export type Source = Readonly<{
  document: Document
  /** `FILE:LINE` */
  where(node: Node | null | undefined): string
  faults: string[]
}>

export type Entry<T> = Readonly<{ value: T; where: string }>

/** Each method: undefined when the field is not there, is null, or is of another type, which is then a fault. */
export type Fields = Readonly<{
  /** Of the map itself. */
  where: string
  /** Where a field, or an entry of its list, stands. */
  whereIs(field: string | undefined, entry: string | undefined): string
  text(field: string): string | undefined
  flag(field: string): boolean | undefined
  texts(field: string): readonly string[] | undefined
  entries(field: string): readonly Entry<string>[] | undefined
  /** By name; values are text. */
  pairs(field: string): Readonly<Record<string, string>> | undefined
  nodes(field: string): readonly Node[] | undefined
  /** Called when everything was asked for: what is left is a fault. */
  end(what: string): void
}>

export const fieldsOf = (map: YAMLMap<Node, Node | null>, source: Source): Fields => {
  const { where, faults } = source
  const left = new Map(map.items.map(({ key, value }) => [keyText(key), { key, value }]))
  const asked: string[] = []
  const places = new Map<string, string>()

  const take = <T>(field: string, form: string, read: (node: Node) => T | undefined): T | undefined => {
    const name = wireName(field)
    asked.push(name)
    const found = left.get(name)
    left.delete(name)
    if (found === undefined) return undefined
    places.set(field, where(found.key))
    const node = resolved(found.value, source)
    if (node === undefined) return undefined
    const value = read(node)
    if (value === undefined) faults.push(`${where(node)}: ${name} must be ${form}`)
    return value
  }
  const entries = (field: string) =>
    take(field, 'a list of text', (node) =>
      nodesIn(node, source)?.flatMap((entry) => {
        const value = textIn(entry)
        if (value === undefined)
          faults.push(`${where(entry)}: ${wireName(field)} must hold text; ${NEEDS_QUOTES}`)
        else places.set(placeOf(field, value), where(entry))
        return value === undefined ? [] : [{ value, where: where(entry) }]
      }),
    )

  return {
    where: where(map),
    whereIs: (field = '', entry = '') => places.get(placeOf(field, entry)) ?? places.get(field) ?? where(map),
    text: (field) => take(field, TEXT, textIn),
    flag: (field) =>
      take(field, 'true or false', (node) =>
        isScalar(node) && typeof node.value === 'boolean' ? node.value : undefined,
      ),
    entries,
    texts: (field) => entries(field)?.map(({ value }) => value),
    pairs: (field) => take(field, 'a map of text to text', (node) => pairsIn(node, source)),
    nodes: (field) => take(field, 'a list; [] is an empty one', (node) => nodesIn(node, source)),
    end: (what) => {
      for (const [name, { key }] of left)
        faults.push(`${where(key)}: ${what} has no field ${JSON.stringify(name)}, but ${asked.join(', ')}`)
    },
  }
}

export const NEEDS_QUOTES = 'what looks like a number or true needs quotes'
const TEXT = `text; ${NEEDS_QUOTES}`

/** As machines read it everywhere: `denied_models`. */
export const wireName = (field: string): string =>
  field.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

/** Without an alias; undefined for null. An alias of nothing is a fault, or it would pass for a field that is not there. */
export const resolved = (node: Node | null | undefined, source: Source): Node | undefined => {
  const real = isAlias(node) ? node.resolve(source.document) : node
  if (isAlias(node) && real === undefined)
    source.faults.push(`${source.where(node)}: there is no &${node.source} before this alias`)
  return real === null || real === undefined || (isScalar(real) && real.value === null) ? undefined : real
}

export const textIn = (node: Node): string | undefined =>
  isScalar(node) && typeof node.value === 'string' ? node.value : undefined

/** An entry that is null is for the reader to refuse. */
const nodesIn = (node: Node, source: Source): readonly Node[] | undefined =>
  isSeq<Node>(node) ? node.items.map((item) => resolved(item, source) ?? item) : undefined

const pairsIn = (node: Node, source: Source): Readonly<Record<string, string>> | undefined => {
  if (!isMap<Node, Node | null>(node)) return undefined
  const pairs: (readonly [string, string])[] = []
  for (const { key, value } of node.items) {
    const content = resolved(value, source)
    const text = content && textIn(content)
    if (text === undefined) return undefined
    pairs.push([keyText(key), text])
  }
  return Object.fromEntries(pairs)
}

const keyText = (key: Node): string => (isScalar(key) ? String(key.value) : String(key))

const placeOf = (field: string, entry: string): string => `${field}\n${entry}`
