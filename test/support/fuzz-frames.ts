// Connections that no HTTP/2 client makes: a Check in frames of our own, with frames that do not belong there, and damaged.
import { woundedBlock } from './fuzz-headers.ts'
import type { Random } from './fuzz-random.ts'
import { damaged } from './fuzz-random.ts'

const DATA = 0
const HEADERS = 1
const RST_STREAM = 3
const SETTINGS = 4
const PING = 6
const WINDOW_UPDATE = 8
const CONTINUATION = 9
const END_STREAM = 1
const END_HEADERS = 4

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
const NOTHING = Buffer.alloc(0)

const HEAD_BYTES = 9

/** All that one connection sends. `blocks` are heads of Checks as a client's encoder made them, in their order. */
export const fuzzedConnection = (
  random: Random,
  messages: readonly Buffer[],
  blocks: readonly Buffer[],
): Buffer => {
  if (random.chance(0.03)) return random.pick(STRANGERS)
  const opening = [PREFACE, frame(SETTINGS, 0, 0, random.chance(0.8) ? NOTHING : random.bytes(6 * 3))]
  const encoded = random.chance(0.5)
  const frames = messages.flatMap((message, index) => {
    const block = (encoded ? blocks[index] : undefined) ?? ownBlock(random)
    const sent = random.chance(encoded ? 0.4 : 0.1) ? woundedBlock(random, block) : block
    return [...(random.chance(0.3) ? [intruder(random)] : []), ...check(random, 1 + 2 * index, sent, message)]
  })
  const all = random.chance(0.2) ? shuffled(random, frames) : frames
  const begin = random.chance(0.98) ? opening : []
  // Frames that are whole and wrong go deeper than bytes that are.
  if (random.chance(0.4)) return Buffer.concat([...begin, ...woundedFrames(random, all)])
  const sent = Buffer.concat([...begin, ...all])
  return random.chance(0.6) ? keepingPreface(random, sent) : sent
}

/** Messages in the DATA that a server sent: stream by stream, without gRPC's five bytes before them. */
export const messagesIn = (received: Buffer): readonly Buffer[] => {
  const streams = new Map<number, Buffer[]>()
  for (let at = 0; received.length - at >= 9; ) {
    const end = at + 9 + received.readUIntBE(at, 3)
    const stream = received.readUInt32BE(at + 5)
    if (received[at + 3] === DATA && received.length >= end)
      streams.set(stream, [...(streams.get(stream) ?? []), received.subarray(at + 9, end)])
    at = end
  }
  // One that a small window cut off is no answer yet.
  return [...streams.values()]
    .map((parts) => Buffer.concat(parts))
    .filter((body) => body.length >= 5 && body.readUInt32BE(1) === body.length - 5)
    .map((body) => body.subarray(5))
}

/** With gRPC's head: not compressed, and its length. */
export const grpcMessage = (message: Uint8Array): Buffer => {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

const frame = (type: number, flags: number, stream: number, payload: Uint8Array): Buffer => {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** A header that enters no table (RFC 7541, 6.2.2). */
const literal = (name: string, value: string): Buffer =>
  Buffer.concat([
    Buffer.from([0, name.length]),
    Buffer.from(name),
    Buffer.from([value.length]),
    Buffer.from(value),
  ])

const ownBlock = (random: Random): Buffer =>
  Buffer.concat([
    literal(':method', random.chance(0.97) ? 'POST' : random.pick(['GET', 'CONNECT', ''])),
    literal(':scheme', 'http'),
    literal(':path', '/envoy.service.auth.v3.Authorization/Check'),
    ...(random.chance(0.95) ? [literal(':authority', 'latchkey')] : []),
    literal('content-type', random.pick(['application/grpc', 'application/grpc', 'application/grpc+json'])),
    literal('te', 'trailers'),
    ...(random.chance(0.3) ? [literal(...random.pick(METADATA))] : []),
  ])

const check = (random: Random, stream: number, block: Buffer, message: Buffer): Buffer[] => {
  const body = grpcMessage(message)
  // The head tells another length, says that it is compressed, or a second message follows.
  if (random.chance(0.15)) body[random.below(5)] = random.below(256)
  const data = random.chance(0.1) ? Buffer.concat([body, body]) : body
  const split = random.chance(0.1) ? random.below(block.length) : undefined
  const headers =
    split === undefined
      ? [frame(HEADERS, END_HEADERS, stream, block)]
      : [
          frame(HEADERS, 0, stream, block.subarray(0, split)),
          frame(CONTINUATION, END_HEADERS, stream, block.subarray(split)),
        ]
  return [...headers, frame(DATA, random.chance(0.95) ? END_STREAM : 0, stream, data)]
}

const METADATA: readonly [readonly [string, string], ...(readonly [string, string])[]] = [
  ['grpc-timeout', '99999999999999H'],
  ['grpc-timeout', '-1S'],
  ['grpc-timeout', '0n'],
  ['grpc-encoding', 'gzip'],
  ['grpc-encoding', 'nobody-knows'],
  ['grpc-accept-encoding', ',,,'],
  ['x-envoy-expected-rq-timeout-ms', '1e309'],
  ['traceparent', '00-00000000000000000000000000000000-0000000000000000-ff'],
  ['trace-bin', '!!!!'],
  ['constructor', '__proto__'],
]

/** A frame of any type, or a burst of one that costs its receiver something. */
const intruder = (random: Random): Buffer => {
  const stream = random.pick([0, 0, 1, 2, 3, 0x7fffffff])
  if (random.chance(0.5))
    return frame(random.below(14), random.below(256), stream, random.bytes(random.below(40)))
  const one = random.pick([
    frame(PING, 0, 0, Buffer.alloc(8)),
    frame(SETTINGS, 0, 0, NOTHING),
    frame(RST_STREAM, 0, stream, Buffer.from([0, 0, 0, 8])),
    frame(WINDOW_UPDATE, 0, stream, Buffer.from([0x7f, 0xff, 0xff, 0xff])),
    frame(WINDOW_UPDATE, 0, stream, Buffer.alloc(4)),
    frame(DATA, 0, stream, NOTHING),
    frame(CONTINUATION, 0, stream, NOTHING),
  ])
  return Buffer.concat(Array.from({ length: 1 + random.below(300) }, () => one))
}

/** One to three frames of these, each still a frame, with something else than its sender meant. */
const woundedFrames = (random: Random, frames: readonly Buffer[]): Buffer[] => {
  const result = [...frames]
  for (let wounds = 1 + random.below(3); wounds > 0; wounds -= 1) {
    const at = random.below(result.length)
    const hurt = result[at]
    if (hurt !== undefined && hurt.length >= HEAD_BYTES)
      result.splice(at, 1, ...random.pick(FRAME_WOUNDS)(random, hurt, random.pick([hurt, ...result])))
  }
  return result
}

type FrameWound = (random: Random, hurt: Buffer, other: Buffer) => readonly Buffer[]

const altered = (hurt: Buffer, at: number, byte: number): readonly Buffer[] => {
  const bytes = Buffer.from(hurt)
  bytes[at] = byte
  return [bytes]
}

const withPayload = (hurt: Buffer, payload: Buffer): Buffer =>
  frame(hurt[3] ?? 0, hurt[4] ?? 0, hurt.readUInt32BE(5), payload)

const FRAME_WOUNDS: readonly [FrameWound, ...FrameWound[]] = [
  () => [],
  (_random, hurt) => [hurt, hurt],
  (_random, hurt, other) => [other, hurt],
  (random, hurt) => altered(hurt, 3, random.below(12)),
  (random, hurt) => altered(hurt, 4, (hurt[4] ?? 0) ^ random.pick([1, 4, 8, 0x20, 0x2c])),
  (random, hurt) => altered(hurt, 8, random.pick([0, 1, 2, 3, 5, 7, 99])),
  (random, hurt) => altered(hurt, 5, random.pick([0x80, 0x7f])),
  (random, hurt) => [withPayload(hurt, hurt.subarray(HEAD_BYTES + random.below(12)))],
  (random, hurt) => [withPayload(hurt, hurt.subarray(HEAD_BYTES, HEAD_BYTES + random.below(hurt.length)))],
  (random, hurt) => [
    withPayload(hurt, Buffer.concat([random.bytes(1 + random.below(6)), hurt.subarray(HEAD_BYTES)])),
  ],
  // As if it were padded, or had a priority.
  (random, hurt) => {
    const flags = (hurt[4] ?? 0) | random.pick([8, 0x20, 0x28])
    return altered(withPayload(hurt, Buffer.concat([random.bytes(6), hurt.subarray(HEAD_BYTES)])), 4, flags)
  },
  (random, hurt) => {
    const cut = random.below(hurt.length - HEAD_BYTES + 1) + HEAD_BYTES
    return [withPayload(hurt, hurt.subarray(HEAD_BYTES, cut)), withPayload(hurt, hurt.subarray(cut))]
  },
  (random, hurt) => [
    hurt,
    frame(CONTINUATION, random.pick([0, 4]), hurt.readUInt32BE(5), random.bytes(random.below(9))),
  ],
  (random, hurt) => [
    hurt,
    frame(RST_STREAM, 0, hurt.readUInt32BE(5), Buffer.from([0, 0, 0, random.below(14)])),
  ],
  (random, hurt) => [
    frame(
      SETTINGS,
      0,
      0,
      Buffer.from([
        0,
        1 + random.below(6),
        ...random.pick([
          [0, 0, 0, 0],
          [0, 0, 0x40, 0],
          [0x7f, 0xff, 0xff, 0xff],
          [0, 0, 0, 1],
        ]),
      ]),
    ),
    hurt,
  ],
]

/** Damage there would only end the connection at once, which is tried often enough. */
const keepingPreface = (random: Random, sent: Buffer): Buffer =>
  random.chance(0.95) && sent.length > PREFACE.length
    ? Buffer.concat([sent.subarray(0, PREFACE.length), damaged(random, sent.subarray(PREFACE.length))])
    : damaged(random, sent)

const shuffled = (random: Random, frames: readonly Buffer[]): Buffer[] =>
  frames
    .map((one) => ({ one, at: random.below(1_000_000) }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ one }) => one)

/** Who knocks at the wrong door. */
const STRANGERS: readonly [Buffer, ...Buffer[]] = [
  Buffer.from('GET / HTTP/1.1\r\nhost: latchkey\r\n\r\n'),
  Buffer.from('PRI * HTTP/2.0\r\n\r\n'),
  Buffer.from('160301020001000001fc0303', 'hex'),
  Buffer.from('\0'),
]
