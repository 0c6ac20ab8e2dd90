// Random choices that come again from the same seed, and the damage that any bytes can take.

export type Random = Readonly<{
  /** 0 to below `end`. */
  below(end: number): number
  chance(part: number): boolean
  pick<Item>(items: readonly [Item, ...Item[]]): Item
  bytes(length: number): Buffer
}>

/** Mulberry32: small, and good enough to be unpredictable to a parser. */
export const createRandom = (seed: number): Random => {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (end: number) => Math.floor(next() * end)
  return {
    below,
    chance: (part) => next() < part,
    pick: (items) => items[below(items.length)] ?? items[0],
    bytes: (length) => Buffer.from(Array.from({ length }, () => below(256))),
  }
}

/** The nth case of a run: the same whatever became of the cases before it. */
export const randomOfCase = (seed: number, nth: number): Random =>
  createRandom(Math.imul(seed, 0x9e3779b1) ^ Math.imul(nth + 1, 0x85ebca6b))

/** One to four wounds. */
export const damaged = (random: Random, bytes: Buffer): Buffer => {
  let result = bytes
  for (let wounds = 1 + random.below(4); wounds > 0; wounds -= 1) result = random.pick(WOUNDS)(random, result)
  return result
}

type Wound = (random: Random, bytes: Buffer) => Buffer

const flipBits: Wound = (random, bytes) => {
  const result = Buffer.from(bytes)
  for (let flips = 1 + random.below(8); flips > 0; flips -= 1) {
    const at = random.below(result.length)
    result[at] = (result[at] ?? 0) ^ (1 << random.below(8))
  }
  return result
}

const cut: Wound = (random, bytes) => bytes.subarray(0, random.below(bytes.length))

const lose: Wound = (random, bytes) => {
  const at = random.below(bytes.length)
  return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(16))])
}

const gain: Wound = (random, bytes) => {
  const at = random.below(bytes.length + 1)
  return Buffer.concat([bytes.subarray(0, at), random.bytes(1 + random.below(16)), bytes.subarray(at)])
}

/** Lengths, tags and counts are small numbers: one of them lies now. */
const lie: Wound = (random, bytes) => {
  const result = Buffer.from(bytes)
  const at = random.below(result.length)
  const lies = [[0], [1], [0x7f], [0x80], [0xff], [0xff, 0xff, 0xff, 0xff, 0x0f], [0x7f, 0xff, 0xff]] as const
  result.set(random.pick<readonly number[]>(lies).slice(0, result.length - at), at)
  return result
}

const repeat: Wound = (random, bytes) => {
  const from = random.below(bytes.length)
  const part = bytes.subarray(from, from + 1 + random.below(64))
  return Buffer.concat([bytes.subarray(0, from), part, bytes.subarray(from)])
}

const WOUNDS: readonly [Wound, ...Wound[]] = [flipBits, flipBits, cut, lose, gain, lie, lie, repeat]
