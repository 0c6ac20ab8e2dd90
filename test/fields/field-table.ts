// The table: every field that can be set, with a value that admits a request, one that refuses it, and wherever it can be said.
import { keyRows } from './key-rows.ts'
import { limitRows } from './limit-rows.ts'
import { registryRows } from './registry-rows.ts'
import type { Row } from './row.ts'
import { ruleRows } from './rule-rows.ts'

export const FIELD_TABLE: readonly Row[] = [...keyRows(), ...ruleRows(), ...registryRows(), ...limitRows()]

/** Unless everything is asked for: each field, where it is nearest to the request and where it is farthest from it. */
export const ROWS: readonly Row[] =
  process.env['LATCHKEY_PROVE'] === '1' ? FIELD_TABLE : FIELD_TABLE.filter(({ name }) => !isBetween(name))

function isBetween(name: string): boolean {
  return /\bthe (owner|parent)\b|by a policy of the key|\((method|emptiness|zone|day)\)|, although|per (hour|week|month)\b/.test(
    name,
  )
}
