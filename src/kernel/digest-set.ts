// Digests that were seen, in one piece of memory: as strings in a Set they would live long enough for the collector to move each twice.

export type DigestSet = Readonly<{
  has(digest: string): boolean
  /** Beyond its capacity nothing more is taken. */
  add(digest: string): void
  size(): number
  clear(): void
}>

const WORDS = 4

/** `digest`: one character a byte, of which the first 16 are kept: two that share these do not happen. Untouched memory is not used. */
export const createDigestSet = (capacity: number): DigestSet => {
  // Half empty at least, so that what is looked for is found, or missed, within a few steps.
  const slots = 2 ** Math.ceil(Math.log2(Math.max(2, capacity * 2)))
  const table = new Uint32Array(slots * WORDS)
  let size = 0

  const isEmpty = (at: number): boolean =>
    table[at] === 0 && table[at + 1] === 0 && table[at + 2] === 0 && table[at + 3] === 0

  /** Where it is, or where it would be. */
  const find = (digest: string): number => {
    const a = wordAt(digest, 0)
    const b = wordAt(digest, 4)
    const c = wordAt(digest, 8)
    const d = wordAt(digest, 12)
    let at = (a & (slots - 1)) * WORDS
    while (
      !isEmpty(at) &&
      !(table[at] === a && table[at + 1] === b && table[at + 2] === c && table[at + 3] === d)
    )
      at = (at + WORDS) % table.length
    return at
  }

  return {
    has: (digest) => !isEmpty(find(digest)),
    add(digest) {
      const at = find(digest)
      if (!isEmpty(at) || size >= capacity) return
      for (let word = 0; word < WORDS; word += 1) table[at + word] = wordAt(digest, word * 4)
      size += 1
    },
    size: () => size,
    clear() {
      table.fill(0)
      size = 0
    },
  }
}

const wordAt = (digest: string, at: number): number =>
  (digest.charCodeAt(at) |
    (digest.charCodeAt(at + 1) << 8) |
    (digest.charCodeAt(at + 2) << 16) |
    (digest.charCodeAt(at + 3) << 24)) >>>
  0
