// `make prove` leaves nothing out that `make test` runs, and runs nothing twice.
import { globSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { CASES } from '../../tools/prove-cases.ts'

const files = globSync('test/**/*.test.ts').sort()
// vitest takes a file when its path contains the words given. A second transport runs the same tests again.
const casesOf = (path: string) =>
  CASES.filter(
    ({ files: wanted, environment = {} }) =>
      !('LATCHKEY_TEST_TRANSPORT' in environment) && wanted.some((part) => path.includes(part)),
  )

describe('the cases of make prove', () => {
  it.each(files)('%s belongs to exactly one', (path) => {
    expect(casesOf(path).map(({ name }) => name)).toHaveLength(1)
  })

  it.each(CASES)('$name has tests', ({ files: wanted }) => {
    expect(files.filter((path) => wanted.some((part) => path.includes(part)))).not.toEqual([])
  })

  it('have names of their own', () => {
    expect(new Set(CASES.map(({ name }) => name)).size).toBe(CASES.length)
  })
})
