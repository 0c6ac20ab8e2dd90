// `npm ci` works on every platform from the lock file as it stands, and installs exactly what package.json names.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'

const versions = z.record(z.string(), z.string()).default({})
const entry = z.looseObject({
  version: z.string(),
  resolved: z.string().optional(),
  optionalDependencies: versions,
})
const read = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'))
const { packages } = z.object({ packages: z.record(z.string(), entry) }).parse(read('package-lock.json'))
const wanted = z.object({ dependencies: versions, devDependencies: versions }).parse(read('package.json'))

describe('the lock file', () => {
  it('has exactly the versions that package.json names, pinned', () => {
    const named = { ...wanted.dependencies, ...wanted.devDependencies }
    const locked = Object.keys(named).map((name) => [name, packages[`node_modules/${name}`]?.version])
    expect(Object.fromEntries(locked)).toEqual(named)
  })

  // npm leaves out what its registry does not have for other platforms, and npm ci then refuses there, and here as well.
  it('has an entry for every optional package of every platform', () => {
    const missing = Object.entries(packages).flatMap(([path, { optionalDependencies }]) =>
      Object.keys(optionalDependencies).filter(
        (name) => !ancestors(path).some((at) => `${at}node_modules/${name}` in packages),
      ),
    )
    expect(missing).toEqual([])
  })

  it('says nowhere where a package was fetched from', () => {
    expect(Object.values(packages).filter(({ resolved }) => resolved !== undefined)).toEqual([])
  })
})

/** Where Node looks for what the package at `path` needs: below itself, then further out. */
const ancestors = (path: string): readonly string[] => {
  const parts = path === '' ? [] : path.split(/(?<=\/)(?=node_modules\/)/)
  return parts
    .map(
      (_, index) =>
        `${parts
          .slice(0, parts.length - index)
          .join('')
          .replace(/\/$/, '')}/`,
    )
    .concat('')
}
