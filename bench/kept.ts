// What each part measured, kept by commit, so that the page can be written from parts that ran one at a time.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Part, PartFigures } from './parts.ts'

type Kept<Name extends Part> = Readonly<{ rounds: number; figures: PartFigures[Name] }>

export const keepPart = <Name extends Part>(commit: string, name: Name, kept: Kept<Name>): void => {
  const path = pathOf(commit, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `${JSON.stringify(kept, undefined, 2)}\n`)
}

/** Undefined when the part was not measured at that commit. */
export const keptPart = <Name extends Part>(commit: string, name: Name): Kept<Name> | undefined => {
  const path = pathOf(commit, name)
  if (!existsSync(path)) return undefined
  const kept: Kept<Name> = JSON.parse(readFileSync(path, 'utf8'), nullIsNoNumber)
  return kept
}

const pathOf = (commit: string, name: Part): string => join('.cache', 'bench', commit, `${name}.json`)

/** JSON has no NaN and writes null in its place; what is absent is left out, and so never null. */
const nullIsNoNumber = (_: string, value: unknown): unknown => (value === null ? Number.NaN : value)
