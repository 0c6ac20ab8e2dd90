// The Huffman code of header strings, four bits at a step. RFC 7541, section 5.2 and appendix B.

/**
 * Decodes `bytes` from `from` to `to` as Latin-1. undefined: the padding is too long or not of ones, or the end of string is
 * within, both of which the RFC calls an error.
 */
export const decodeHuffman = (bytes: Uint8Array, from: number, to: number): string | undefined => {
  let state = 0
  let text = ''
  for (let at = from; at < to; at += 1) {
    const byte = bytes[at] ?? 0
    for (const nibble of [byte >> 4, byte & 0xf]) {
      const step = STEPS[state * 16 + nibble] ?? FAILS
      if (step === FAILS) return undefined
      if ((step & EMITS) !== 0) text += String.fromCharCode((step >> 16) & 0xff)
      state = step & STATE
    }
  }
  return ENDS[state] === 1 ? text : undefined
}

/**
 * Bits of the code of each octet and of the end of string: runs of [bits, how many]. The code is canonical: among codes of one length
 * octets are in order, and shorter codes come first, so the lengths say everything.
 */
const LENGTHS: readonly number[] = [
  '13 23 28x7 24 30 28x2 30 28x8 30 28x9',
  '6 10x2 12 13 6 8 11 10x2 8 11 8 6x3 5x3 6x7 7 8 15 6 12 10',
  '13 6 7x22 8 7 8 13 19 13 14 6',
  '15 5 6 5 6 5 6x3 5 7x2 6x3 5 6 7 6 5x2 6 7x5 15 11 14 13 28',
  '20 22 20x2 22x3 23 22 23x5 24 23 24x2 22 23 24 23x4 21 22 23 22 23x2 24',
  '22 21 20 22x2 23x2 21 23 22x2 24 21 22 23x2 21x2 22 21 23 22 23x2 20 22x3 23 22x2 23',
  '26x2 20 19 22 23 22 25 26x3 27x2 26 24 25 19 21 26 27x2 26 27 24 21x2 26x2 28 27x3',
  '20 24 20 21 22 21x2 23 22x2 25x2 24x2 26 23 26 27 26x2 27x5 28 27x5 26',
  '30',
]
  .join(' ')
  .split(' ')
  .flatMap((run) => {
    const [length = '0', count = '1'] = run.split('x')
    return Array.from({ length: Number(count) }, () => Number(length))
  })

const END_OF_STRING = 256

type Node = { zero: Node | undefined; one: Node | undefined; symbol: number | undefined; state: number }

/** Each state is a node within the tree: bits read of a code that is not whole yet. A step is [octet, EMITS, next state]. */
const STATE = 0x7fff
const EMITS = 0x8000
const FAILS = -1
const STEPS = new Int32Array(256 * 16)
/** States in which a string may end: at most seven ones of a code. */
const ENDS = new Uint8Array(256)

const newNode = (): Node => ({ zero: undefined, one: undefined, symbol: undefined, state: -1 })

const buildTree = (): Node => {
  const root = newNode()
  const inOrder = LENGTHS.map((length, symbol) => ({ length, symbol })).toSorted(
    (a, b) => a.length - b.length || a.symbol - b.symbol,
  )
  let code = 0
  let bits = 0
  for (const { length, symbol } of inOrder) {
    code *= 2 ** (length - bits)
    bits = length
    let node = root
    for (let bit = length - 1; bit >= 0; bit -= 1)
      node = child(node, Math.floor(code / 2 ** bit) % 2 === 0 ? 'zero' : 'one')
    node.symbol = symbol
    code += 1
  }
  return root
}

const child = (node: Node, side: 'zero' | 'one'): Node => {
  node[side] ??= newNode()
  return node[side]
}

const fillSteps = (root: Node): void => {
  const states: Node[] = []
  const number = (node: Node | undefined): void => {
    if (node === undefined || node.symbol !== undefined) return
    node.state = states.push(node) - 1
    number(node.zero)
    number(node.one)
  }
  number(root)
  for (const node of states)
    for (let nibble = 0; nibble < 16; nibble += 1)
      STEPS[node.state * 16 + nibble] = stepFrom(root, node, nibble)
  for (
    let node: Node | undefined = root, ones = 0;
    node !== undefined && ones <= 7;
    node = node.one, ones += 1
  )
    if (node.symbol === undefined) ENDS[node.state] = 1
}

const stepFrom = (root: Node, from: Node, nibble: number): number => {
  let node = from
  let emitted = 0
  for (const bit of [8, 4, 2, 1]) {
    const next: Node | undefined = (nibble & bit) === 0 ? node.zero : node.one
    if (next === undefined || next.symbol === END_OF_STRING) return FAILS
    node = next
    if (node.symbol !== undefined) {
      // No code is shorter than five bits, so a step ends at most one.
      emitted = EMITS | (node.symbol << 16)
      node = root
    }
  }
  return emitted | node.state
}

fillSteps(buildTree())
