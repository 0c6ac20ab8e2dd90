// Labels find exactly the keys that bear them, on every store; what could be mistaken for another is refused.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { NO_RULES } from '../../src/policy/policy.ts'
import { bears, MAX_LABELS } from '../../src/store/books/labels-input.ts'
import { createKey, describeEveryStore, lookUp } from '../support/stores.ts'

describeEveryStore('labels', (get) => {
  const idsWith = async (labels: Readonly<Record<string, string | undefined>>) => {
    const { keyBook } = get().store
    return (await keyBook.listKeys({ pageSize: 1_000, labels })).map(({ id }) => id)
  }

  test('keys are found by exactly the labels that they bear: by name, value, and several together', async () => {
    const names = ['a', 'b', 'ab', 'a.b', 'a-b', 'a_b']
    const values = ['x', 'X', 'xy', 'a', '%', '_', "it's", '{}', 'a:b', 'b=c', '*', 'é'].filter(
      (v) => v !== 'é',
    )
    const some = fc.dictionary(fc.constantFrom(...names), fc.constantFrom(...values), {
      maxKeys: 3,
      noNullPrototype: true,
    })
    const all = fc.sample(some, { numRuns: 30, seed: 7 })
    const keys: { id: string; labels: Record<string, string> }[] = []
    for (const labels of all) keys.push({ id: (await createKey(get(), { labels })).id, labels })
    const expected = (wanted: Readonly<Record<string, string | undefined>>) =>
      keys
        .filter(({ labels }) => bears(labels, wanted))
        .map(({ id }) => id)
        .toSorted()
    const filters = [
      ...names.map((name) => ({ [name]: undefined })),
      ...names.flatMap((name) => values.map((value) => ({ [name]: value }))),
      { a: 'x', b: undefined },
      { a: undefined, b: undefined, ab: undefined },
    ]
    for (const wanted of filters) {
      const found = (await idsWith(wanted)).filter((id) => keys.some((key) => key.id === id))
      expect(found.toSorted(), JSON.stringify(wanted)).toEqual(expected(wanted))
    }
  })

  test('the nearest owner wins, and the key before all', async () => {
    const { ownerBook } = get().store
    await ownerBook.createOwner('far', NO_RULES, { labels: { one: 'far', two: 'far', three: 'far' } })
    await ownerBook.createOwner('far/near', NO_RULES, { labels: { one: 'near', two: 'near' } })
    const { digest, id } = await createKey(get(), { ownerPath: 'far/near', labels: { one: 'key' } })
    expect((await lookUp(get(), digest)).labels).toEqual({ one: 'key', two: 'near', three: 'far' })
    // Found by its own alone.
    expect(await idsWith({ one: 'key' })).toEqual([id])
    expect(await idsWith({ three: 'far' })).toEqual([])
  })

  test.each<[string, Record<string, string>]>([
    ['a name in upper case', { Team: 'x' }],
    ['a name with a quote', { 'a"': 'x' }],
    ['no name', { '': 'x' }],
    ['no value', { team: '' }],
    ['a quote', { team: 'a"b' }],
    ['a backslash', { team: 'a\\b' }],
    ['a comma', { team: 'a,b' }],
    ['a space', { team: 'a b' }],
    ['a line', { team: 'a\n' }],
    ['beyond ASCII', { team: 'é' }],
    ['64 characters', { team: 'x'.repeat(64) }],
    ['too many', Object.fromEntries(Array.from({ length: MAX_LABELS + 1 }, (_, at) => [`l${at}`, 'x']))],
  ])('%s: refused, and nothing is made', async (_, labels) => {
    const { ownerBook } = get().store
    await expect(createKey(get(), { labels })).rejects.toMatchObject({ name: 'Rejection', code: 'invalid' })
    await expect(ownerBook.createOwner('mislabelled', NO_RULES, { labels })).rejects.toMatchObject({
      code: 'invalid',
    })
    expect((await ownerBook.listOwners()).some(({ path }) => path === 'mislabelled')).toBe(false)
  })

  test('as many as there may be, as long as they may be, come back as they were', async () => {
    const labels = Object.fromEntries(
      Array.from({ length: MAX_LABELS }, (_, at) => [
        `${at}`.padStart(2, 'l').padEnd(63, 'n'),
        '~'.repeat(63),
      ]),
    )
    const { digest } = await createKey(get(), { labels })
    expect((await lookUp(get(), digest)).labels).toEqual(labels)
  })
})
