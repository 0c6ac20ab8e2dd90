// Schema steps: forward only, applied once each under a lock, and an edited step is noticed.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Rejection } from '../kernel/failure.ts'

export type MigrationStatus = Readonly<{ applied: readonly string[]; pending: readonly string[] }>

export type MigrationStep = Readonly<{ name: string; statements: readonly string[]; checksum: string }>

export type AppliedStep = Readonly<{ name: string; checksum: string }>

/** What a dialect must be able to do. The table of applied steps is its own affair. */
export type MigrationTarget = Readonly<{
  dialect: 'sqlite' | 'mysql'
  /** Empty when the store was never migrated. */
  applied(): Promise<readonly AppliedStep[]>
  /** Runs `work` while no other process migrates the same store. */
  locked<T>(work: (locked: LockedTarget) => Promise<T>): Promise<T>
}>

export type LockedTarget = Readonly<{
  applied(): Promise<readonly AppliedStep[]>
  /** Runs the step and remembers it. */
  apply(step: MigrationStep): Promise<void>
}>

export const migrationStatus = async (target: MigrationTarget): Promise<MigrationStatus> => {
  const applied = await target.applied()
  return {
    applied: applied.map(({ name }) => name),
    pending: pendingSteps(target, applied).map(({ name }) => name),
  }
}

/** Applies what is pending, in order; returns the names applied. */
export const migrate = (target: MigrationTarget): Promise<readonly string[]> =>
  target.locked(async (locked) => {
    const pending = pendingSteps(target, await locked.applied())
    for (const step of pending) await locked.apply(step)
    return pending.map(({ name }) => name)
  })

/** Tables that the steps make, that of the applied steps not among them. */
export const migratedTables = (dialect: 'sqlite' | 'mysql'): readonly string[] =>
  readSteps(dialect)
    .flatMap(({ statements }) => statements)
    .flatMap((statement) => /^CREATE TABLE IF NOT EXISTS (\w+)/.exec(statement)?.[1] ?? [])

/** Names of the steps that this program carries, in order. */
export const carriedSteps = (dialect: 'sqlite' | 'mysql'): readonly string[] =>
  readSteps(dialect).map(({ name }) => name)

/** Throws a Rejection when an applied step has been edited since. */
const pendingSteps = (target: MigrationTarget, applied: readonly AppliedStep[]): readonly MigrationStep[] => {
  const checksums = new Map(applied.map(({ name, checksum }) => [name, checksum]))
  return readSteps(target.dialect).filter((step) => {
    const known = checksums.get(step.name)
    if (known === undefined) return true
    if (known === step.checksum) return false
    throw new Rejection(
      'conflict',
      `migration ${step.name} was applied to this store in another form than this program carries: a step that was applied must never be edited`,
    )
  })
}

const readSteps = (dialect: 'sqlite' | 'mysql'): readonly MigrationStep[] => {
  const folder = join(migrationsFolder(), dialect)
  const names = readdirSync(folder).filter((name) => /^\d{4}-[a-z0-9-]+\.sql$/.test(name))
  return names.toSorted().map((name) => {
    const text = readFileSync(join(folder, name), 'utf8').replaceAll('\r\n', '\n')
    return {
      name: name.replace(/\.sql$/, ''),
      statements: splitStatements(text),
      checksum: createHash('sha256').update(text).digest('hex'),
    }
  })
}

/** Source and compiled code lie at different depths below the package: walk up until the folder is there. */
const migrationsFolder = (): string => {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const candidate = join(folder, 'migrations')
    if (existsSync(join(folder, 'package.json')) && existsSync(candidate)) return candidate
    if (folder === dirname(folder)) throw new Error('the migrations folder is missing from this installation')
  }
}

/** A statement ends with a semicolon at the end of a line; a line that begins with -- is a comment. */
const splitStatements = (text: string): readonly string[] =>
  text
    .replaceAll(/^--.*$/gm, '')
    .split(/;[ \t]*$/m)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '')
