// Which of Latchkey's accounts the rights of a given one suffice for, read from what SHOW GRANTS says.
import type { Account } from './accounts.ts'
import { RIGHTS } from './accounts.ts'

export type AccountFit = Readonly<{
  /** Accounts whose every right it has. */
  fits: readonly Account[]
  /** What the server needs and it has not, as `SELECT on owner`. */
  lacksToServe: readonly string[]
  /** It may drop tables of this database, which none of Latchkey's accounts may. */
  everything: boolean
  /** A role was granted, whose rights are not told. */
  byRole: boolean
}>

export const fitOf = (grants: readonly string[], database: string): AccountFit => {
  const held = grants.flatMap(readGrant).filter(({ schema }) => schema.test(database))
  const lacksToServe = lacking(held, 'server')
  const mayMigrate = ['CREATE', 'ALTER', 'INDEX', 'TRIGGER'].every((right) => has(held, '*', right))
  return {
    fits: [
      ...(lacksToServe.length === 0 ? (['server'] as const) : []),
      ...(lacking(held, 'admin').length === 0 ? (['admin'] as const) : []),
      ...(mayMigrate ? (['migrator'] as const) : []),
    ],
    lacksToServe,
    everything: has(held, '*', 'DROP'),
    byRole: grants.some((grant) => !/^GRANT .+ ON .+ TO /s.test(grant)),
  }
}

type Held = Readonly<{ schema: RegExp; table: string; rights: readonly string[] }>

/** ``GRANT SELECT, UPDATE (`a`, `b`) ON `db`.`table` TO …``; nothing of a grant of another form. */
const readGrant = (grant: string): readonly Held[] => {
  const [, rights = '', schema = '', table = ''] =
    /^GRANT (.+?) ON (?:TABLE )?(`(?:[^`]|``)+`|\*)\.(`(?:[^`]|``)+`|\*) TO /s.exec(grant) ?? []
  if (rights === '') return []
  return [{ schema: patternOf(schema), table: unquoted(table), rights: rightsIn(rights) }]
}

const unquoted = (name: string): string =>
  name === '*' ? name : name.slice(1, -1).replaceAll('``', '`').toLowerCase()

/** Of a database `_` and `%` stand for other characters unless they are escaped. */
const patternOf = (name: string): RegExp => {
  if (name === '*') return /^/
  const pattern = name
    .slice(1, -1)
    .replaceAll('``', '`')
    .replace(/\\([_%\\])|[_%]|[.*+?^${}()|[\]\\]/g, (found, escaped?: string) => {
      if (escaped !== undefined) return escaped === '\\' ? '\\\\' : escaped
      if (found === '_') return '.'
      return found === '%' ? '.*' : `\\${found}`
    })
  return new RegExp(`^${pattern}$`, 'is')
}

const rightsIn = (text: string): readonly string[] =>
  text.split(/,(?![^(]*\))/).map((right) => right.replaceAll(/[`\s]+/g, ' ').trim())

const lacking = (held: readonly Held[], account: 'server' | 'admin'): readonly string[] =>
  Object.entries(RIGHTS).flatMap(([table, rights]) =>
    (rights[account] === '' ? [] : rightsIn(rights[account]))
      .filter((right) => !has(held, table, right))
      .map((right) => `${right} on ${table}`),
  )

const has = (held: readonly Held[], table: string, wanted: string): boolean =>
  held.some((each) => (each.table === '*' || each.table === table) && each.rights.some(covers(wanted)))

const covers = (wanted: string) => {
  const [verb, columns] = partsOf(wanted)
  return (right: string): boolean => {
    if (/^ALL( PRIVILEGES)?$/i.test(right)) return true
    const [heldVerb, heldColumns] = partsOf(right)
    if (heldVerb !== verb) return false
    return (
      heldColumns.length === 0 || (columns.length > 0 && columns.every((name) => heldColumns.includes(name)))
    )
  }
}

/** The verb, and the columns for which alone it holds. */
const partsOf = (right: string): readonly [string, readonly string[]] => {
  const [, verb = '', columns] = /^([A-Za-z ]+?)\s*(?:\(([^)]*)\))?$/.exec(right) ?? []
  return [verb.toUpperCase(), columns === undefined ? [] : columns.split(',').map((name) => name.trim())]
}
