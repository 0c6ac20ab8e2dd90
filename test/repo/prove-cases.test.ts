// `make prove` leaves nothing out that `make test` runs, and runs nothing twice.
import { globSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { CASES, takes } from '../../tools/prove-cases.ts'

const files = globSync('test/**/*.test.ts').sort()
// A second transport runs the same tests again.
const casesOf = (path: string) =>
  CASES.filter((one) => !('LATCHKEY_TEST_TRANSPORT' in (one.environment ?? {})) && takes(one, path))

describe('the cases of make prove', () => {
  it.each(files)('%s belongs to exactly one', (path) => {
    expect(casesOf(path).map(({ name }) => name)).toHaveLength(1)
  })

  it.each(CASES)('$name has tests', (one) => {
    expect(files.filter((path) => takes(one, path))).not.toEqual([])
  })

  it('have names of their own', () => {
    expect(new Set(CASES.map(({ name }) => name)).size).toBe(CASES.length)
  })
})
