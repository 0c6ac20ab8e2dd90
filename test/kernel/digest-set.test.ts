// A set of digests in one piece of memory holds what a Set of strings would.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createDigestSet } from '../../src/kernel/digest-set.ts'

const digests = fc
  .uint8Array({ minLength: 16, maxLength: 32 })
  .map((bytes) => Buffer.from(bytes).toString('latin1'))
/** With the same place in the table, and nothing else alike. */
const neighbours = fc
  .uint8Array({ minLength: 12, maxLength: 12 })
  .map((bytes) => `same${Buffer.from(bytes).toString('latin1')}`)

test('it holds the digests that were added and no others, also those with one place in the table', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(digests, neighbours), { maxLength: 64 }),
      fc.array(neighbours),
      (added, asked) => {
        const set = createDigestSet(64)
        for (const digest of added) set.add(digest)
        const known = new Set(added.map((digest) => digest.slice(0, 16)))
        expect(set.size()).toBe(known.size)
        for (const digest of [...added, ...asked])
          expect(set.has(digest)).toBe(known.has(digest.slice(0, 16)))
      },
    ),
  )
})

test('when it is full it takes no more and still answers, and when it was cleared it is empty', () => {
  const set = createDigestSet(4)
  const names = Array.from({ length: 9 }, (_, at) => `digest number ${at} `)
  for (const name of names) set.add(name)
  expect(names.map(set.has)).toEqual([true, true, true, true, false, false, false, false, false])
  set.clear()
  expect(names.some(set.has)).toBe(false)
  expect(set.size()).toBe(0)
})
