// Header blocks that no encoder makes: those of Node's encoder, table and Huffman code included, with wounds that HPACK feels.
import { connect } from 'node:http2'
import { Duplex } from 'node:stream'
import { FRAME_HEAD, PREFACE } from '../../src/grpc/lane/frame.ts'
import type { Random } from './fuzz-random.ts'
import { damaged } from './fuzz-random.ts'

/** Blocks of one connection in their order: later ones name fields that earlier ones put into the table. */
export const blocksOfNode = async (path: string, count: number): Promise<readonly Buffer[]> => {
  const written: Buffer[] = []
  const wire = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      written.push(chunk)
      done()
    },
  })
  const session = connect('http://latchkey', { createConnection: () => wire })
  session.on('error', () => {})
  for (let at = 0; at < count; at += 1)
    session
      .request({
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/grpc',
        te: 'trailers',
        'x-request-id': `request-${at}`,
        'x-many': `${at % 3}`.repeat(20),
      })
      .on('error', () => {})
  const blocks = () => headerBlocksIn(Buffer.concat(written).subarray(PREFACE.length))
  while (blocks().length < count) await new Promise((resolve) => setImmediate(resolve))
  const all = blocks()
  session.destroy()
  return all
}

const HEADERS = 1

const headerBlocksIn = (bytes: Buffer): Buffer[] => {
  const blocks: Buffer[] = []
  for (let at = 0; bytes.length - at >= FRAME_HEAD; ) {
    const end = at + FRAME_HEAD + bytes.readUIntBE(at, 3)
    if (bytes[at + 3] === HEADERS && end <= bytes.length) blocks.push(bytes.subarray(at + FRAME_HEAD, end))
    at = end
  }
  return blocks
}

export const woundedBlock = (random: Random, block: Buffer): Buffer => {
  if (random.chance(0.4)) return block.length === 0 ? block : damaged(random, block)
  const part = random.pick(PARTS)(random)
  const at = random.pick([0, 0, block.length, random.below(block.length + 1)])
  return Buffer.concat([block.subarray(0, at), part, block.subarray(at)])
}

type Part = (random: Random) => Buffer

/** RFC 7541, 5.1, with as many bytes more as nobody needs. */
const integer = (random: Random, first: number, prefixBits: number): Buffer => {
  const most = 2 ** prefixBits - 1
  const value = random.pick([0, 1, 61, 62, 127, random.below(300), random.below(70_000), 2 ** 28 + 5])
  if (value < most) return Buffer.from([first | value])
  const bytes = [first | most]
  let rest = value - most
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80)
  if (random.chance(0.2)) return Buffer.from([...bytes, rest | 0x80, 0x80, 0x80, 0])
  return Buffer.from([...bytes, rest])
}

const text: Part = (random) => {
  const bytes = random.bytes(random.below(40))
  const length = random.chance(0.9) ? bytes.length : random.below(127)
  return Buffer.concat([Buffer.from([(random.chance(0.5) ? 0x80 : 0) | length]), bytes])
}

const PARTS: readonly [Part, ...Part[]] = [
  // Of the table, one that may not be there.
  (random) => integer(random, 0x80, 7),
  // A size of the table.
  (random) => integer(random, 0x20, 5),
  () => Buffer.from([0x20, 0x3f, 0xe1, 0x1f]),
  // Literals: into the table, beside it, never in it.
  (random) => Buffer.concat([integer(random, 0x40, 6), text(random)]),
  (random) => Buffer.concat([Buffer.from([0x40]), text(random), text(random)]),
  (random) => Buffer.concat([integer(random, 0x00, 4), text(random)]),
  (random) => Buffer.concat([Buffer.from([0x10]), text(random), text(random)]),
  (random) => Buffer.alloc(1 + random.below(2_000), 0x80 | random.below(128)),
]
