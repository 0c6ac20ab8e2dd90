// Several keys in one look-up, on every store: each answer is the one that its key would have got alone.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createCall } from '../../src/kernel/call.ts'
import type { KeyLookup } from '../../src/keys/key-store.ts'
import { MOST_KEYS_TOGETHER } from '../../src/keys/key-store.ts'
import { recordFigure } from '../support/figures.ts'
import { aDigest, createKey, describeEveryStore, NOON, wantedKey } from '../support/stores.ts'

const DAY = { unit: 'requests', period: 'day', zone: 'UTC', amount: 100 } as const
const FULL = process.env['LATCHKEY_PROVE'] === '1'
const GROUPS = FULL ? 2_000 : 60

describeEveryStore('look-ups together', (get, kind) => {
  const findAll = (digests: readonly Uint8Array[], known = -1, call = get().newCall()) =>
    get().store.keyStore.findAll(digests.map(wantedKey), known, call)
  const oneByOne = (digests: readonly Uint8Array[], known = -1): Promise<readonly KeyLookup[]> =>
    Promise.all(digests.map((digest) => get().store.keyStore.find(digest, known, get().newCall())))
  const writeSecret = async (keyId: string, notAfterMs: number): Promise<Uint8Array> => {
    const digest = aDigest()
    const hex = Buffer.from(digest).toString('hex')
    await get().write(
      `INSERT INTO key_secret (hash, key_id, not_after) VALUES (X'${hex}', '${keyId}', ${notAfterMs})`,
    )
    return digest
  }
  /** One of each kind that there is, and some that nobody made. */
  const aMixture = async () => {
    const plain = await createKey(get(), { name: 'plain', ownerPath: 'mixed/team/ann', limits: [DAY] })
    const sister = await createKey(get(), { name: 'sister', ownerPath: 'mixed/team/ann' })
    const revoked = await createKey(get(), { name: 'revoked', ownerPath: 'mixed' })
    await get().store.keyBook.revokeKey(revoked.id)
    const disabled = await createKey(get(), { name: 'disabled', ownerPath: 'mixed/off' })
    await get().store.keyBook.setKeyDisabled(disabled.id, true)
    await get().store.ownerBook.setOwnerDisabled('mixed/off', true)
    const second = await writeSecret(plain.id, NOON + 1)
    const over = await writeSecret(plain.id, NOON)
    const known = [plain, sister, revoked, disabled].map(({ digest }) => digest)
    const short = plain.digest.slice(0, 31)
    return { plain, digests: [...known, second, over, short, aDigest(), aDigest()] }
  }

  test('known, unknown, revoked, disabled, outlived and named twice: each gets its own answer, in the order asked', async () => {
    const { plain, digests } = await aMixture()
    const [first = aDigest(), ...rest] = digests
    const asked = [...rest, first, first, ...rest.slice(0, 3)]
    const call = get().newCall()
    const together = await findAll(asked, -1, call)
    expect(together).toEqual(await oneByOne(asked))
    expect(call.storeReads).toBe(1)
    const names = together.map((found) => (found instanceof Error ? found : found.key?.name))
    expect(names).toEqual([
      ...['sister', 'revoked', 'disabled', 'plain', ...Array.from({ length: 4 }, () => undefined)],
      ...['plain', 'plain', 'sister', 'revoked', 'disabled'],
    ])
    expect(together[3]).toMatchObject({ key: { id: plain.id, quotas: [{ amount: 100 }] } })
  })

  test('only unknown ones: each is absent, and the registry comes all the same', async () => {
    const digests = Array.from({ length: MOST_KEYS_TOGETHER }, () => aDigest())
    const together = await findAll(digests)
    expect(together).toHaveLength(MOST_KEYS_TOGETHER)
    for (const found of together)
      expect(found).toMatchObject({ key: undefined, registry: { guardrails: expect.any(Array) as unknown } })
    const { registryVersion } = (await oneByOne([aDigest()]))[0] ?? { registryVersion: 0 }
    for (const found of await findAll(digests, registryVersion))
      expect(found).toMatchObject({ key: undefined, registryVersion, registry: undefined })
  })

  test('any mixture in groups of any size is answered as one by one', async () => {
    const { digests } = await aMixture()
    const { registryVersion = 0 } = (await oneByOne([aDigest()]))[0] ?? {}
    const answers = new Map<string, readonly KeyLookup[]>()
    for (const known of [-1, registryVersion]) answers.set(`${known}`, await oneByOne(digests, known))
    const groups = fc.array(fc.nat(digests.length - 1), { minLength: 1, maxLength: MOST_KEYS_TOGETHER })
    await fc.assert(
      fc.asyncProperty(groups, fc.constantFrom(-1, registryVersion), async (places, known) => {
        const asked = places.map((at) => digests[at] ?? aDigest())
        const alone = places.map((at) => answers.get(`${known}`)?.[at])
        expect(await findAll(asked, known)).toEqual(alone)
      }),
      { numRuns: GROUPS },
    )
    if (FULL)
      recordFigure({
        name: `groups of look-ups answered as one by one, ${kind}`,
        value: GROUPS,
        unit: 'groups',
        command: 'make prove CASE=stores',
      })
  })

  test.runIf(kind === 'MariaDB')(
    'all of them are of one instant: of two keys of one owner none shows a change that the other does not',
    async () => {
      const keys = [
        await createKey(get(), { ownerPath: 'torn' }),
        await createKey(get(), { ownerPath: 'torn' }),
      ]
      const digests = keys.map(({ digest }) => digest)
      for (let disabled = true, round = 0; round < 20; round += 1, disabled = !disabled) {
        const changing = get().store.ownerBook.setOwnerDisabled('torn', disabled)
        const [one, other] = await findAll(digests)
        if (one === undefined || other === undefined || one instanceof Error || other instanceof Error)
          throw new Error('not answered')
        expect(one.changeNumber).toBe(other.changeNumber)
        expect(one.key?.owners).toEqual(other.key?.owners)
        await changing
      }
    },
  )

  test('a key with a limit that is unknown here fails, alone and among others, and harms none of them', async () => {
    const good = await createKey(get(), { ownerPath: 'poisoned' })
    const bad = await createKey(get(), { ownerPath: 'poisoned', limits: [DAY] })
    await get().write(`UPDATE quota_limit SET period = 'fortnight' WHERE subject_id = '${bad.id}'`)
    const unknown = aDigest()
    const together = await findAll([unknown, bad.digest, good.digest])
    expect(together[1]).toBeInstanceOf(Error)
    expect(together[1]).toMatchObject({ message: expect.stringContaining('fortnight') as string })
    expect([together[0], together[2]]).toEqual(await oneByOne([unknown, good.digest]))
    await expect(oneByOne([bad.digest])).rejects.toThrow('fortnight')
  })

  test('it is also the first reading of the hot rows of each key', async () => {
    const empty = await createKey(get(), { ownerPath: 'hot', limits: [{ ...DAY, amount: 0 }] })
    const open = await createKey(get(), { ownerPath: 'hot', limits: [{ ...DAY, amount: 7 }] })
    const again = await get().openAgain()
    try {
      const found = await again.keyStore.findAll(
        [empty, open].map(({ digest }) => wantedKey(digest)),
        -1,
        get().newCall(),
      )
      expect(found).toHaveLength(2)
      const [call, other] = [get().newCall(), get().newCall()]
      expect(await again.ledger.charge(empty.quotas, 1, call)).toMatchObject({
        outcome: 'exhausted',
      })
      // What was read is reason enough to refuse; who is not refused is charged.
      expect([call.storeReads, call.storeWrites]).toEqual([0, 0])
      expect(await again.ledger.charge(open.quotas, 1, other)).toMatchObject({ outcome: 'charged' })
    } finally {
      await again.close()
    }
  })

  test('look-ups that nobody waits for any more are not sent', async () => {
    const late = createCall(get().clock.monotonicMs())
    await expect(findAll([aDigest()], -1, late)).rejects.toMatchObject({ reason: 'deadline_exceeded' })
    expect(late.storeReads).toBeLessThanOrEqual(kind === 'SQLite' ? 1 : 0)
  })
})
