// Looks into a configuration of Envoy as far as it is there: nothing is taken for granted of what people wrote.

/** As YAML gave it, with the names that protobuf's JSON writes in camel case written with underscores. */
export type Tree = unknown

export const toTree = (value: unknown): Tree => {
  if (Array.isArray(value)) return value.map(toTree)
  if (!isMap(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [snakeCase(name), toTree(inner)]))
}

/** Names of extensions, which have dots or an `@`, stay. */
const snakeCase = (name: string): string =>
  /^[a-z][A-Za-z0-9]*$/.test(name) ? name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) : name

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** What lies at the end of the path, undefined where something is missing. */
export const at = (tree: Tree, ...path: readonly string[]): Tree =>
  path.reduce<Tree>(
    (inner, name) => (isMap(inner) && Object.hasOwn(inner, name) ? inner[name] : undefined),
    tree,
  )

/** Empty when it is no list. */
export const itemsAt = (tree: Tree, ...path: readonly string[]): readonly Tree[] => {
  const found = at(tree, ...path)
  return Array.isArray(found) ? Array.from<unknown>(found) : []
}

export const entriesAt = (tree: Tree, ...path: readonly string[]): readonly (readonly [string, Tree])[] => {
  const found = at(tree, ...path)
  return isMap(found) ? Object.entries(found) : []
}

export const textAt = (tree: Tree, ...path: readonly string[]): string | undefined => {
  const found = at(tree, ...path)
  return typeof found === 'string' || typeof found === 'number' ? String(found) : undefined
}

/** `8`, `"8"` or `{ value: 8 }`. */
export const numberAt = (tree: Tree, ...path: readonly string[]): number | undefined => {
  const found = at(tree, ...path)
  const value = isMap(found) ? found['value'] : found
  if (typeof value === 'number') return value
  return typeof value === 'string' && /^\d+(\.\d+)?$/.test(value) ? Number(value) : undefined
}

/** `true` or `{ value: true }`. */
export const isTrueAt = (tree: Tree, ...path: readonly string[]): boolean => {
  const found = at(tree, ...path)
  return found === true || at(found, 'value') === true
}

/** `0.5s`, in milliseconds. */
export const durationMsAt = (tree: Tree, ...path: readonly string[]): number | undefined => {
  const [, seconds] = /^(\d+(?:\.\d+)?)s$/.exec(textAt(tree, ...path) ?? '') ?? []
  return seconds === undefined ? undefined : Number(seconds) * 1_000
}

/** True when the typed config is one of this kind, as `ext_authz.v3.ExtAuthz`. */
export const isOfType = (config: Tree, type: string): boolean =>
  textAt(config, '@type')?.endsWith(`.${type}`) === true
