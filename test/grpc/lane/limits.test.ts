// What a peer can make us hold or do is bounded, and what is usual in a storm is not beyond it.
import { expect, test } from 'vitest'
import { ERROR, FLAG, frame, TYPE, uint32Frame } from '../../../src/grpc/lane/frame.ts'
import { LIMITS } from '../../../src/grpc/lane/limits.ts'
import type { LaneCall } from '../../../src/grpc/lane/stream.ts'
import { aFrameClient, aLane, answerOf, data, HEAD, headers, headOf } from '../../support/lane-rig.ts'
import { until } from '../../support/until.ts'

const HELLO = Buffer.from('hello')
const NOTHING = new Uint8Array()

/** Another connection goes on being served. */
const othersAreServed = async (port: number): Promise<void> => {
  const other = await aFrameClient(port)
  other.send(headers(1), data(1, HELLO))
  expect(await answerOf(other, 1)).toEqual(HELLO)
}

const many = (count: number, one: (at: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, at) => one(at)))

test('20,000 calls that are cancelled within a second end nothing', async () => {
  const { port, broken } = await aLane({}, { monotonicMs: () => 0 })
  const client = await aFrameClient(port)
  const cancelled = (stream: number) =>
    Buffer.concat([headers(stream), uint32Frame(TYPE.rstStream, stream, ERROR.cancel)])
  client.send(many(20_000, (at) => cancelled(2 * at + 1)))
  client.send(headers(40_001), data(40_001, HELLO))
  expect(await answerOf(client, 40_001)).toEqual(HELLO)
  expect(broken).toEqual([])
})

test('a small block that means many fields is refused, and the connection goes on', async () => {
  const { port } = await aLane()
  const client = await aFrameClient(port)
  // One field of 4 KB enters the table, and is named again and again.
  const entry = Buffer.concat([Buffer.from([0x40, 1, 0x78, 0x7f, 0xa1, 0x1e]), Buffer.alloc(4_000, 'v')])
  client.send(headers(1, Buffer.concat([HEAD, entry])), data(1, HELLO))
  expect(await answerOf(client, 1)).toEqual(HELLO)
  client.send(headers(3, Buffer.concat([HEAD, Buffer.alloc(10_000, 0xbe)])))
  const reset = await client.next(({ type, stream }) => type === TYPE.rstStream && stream === 3)
  expect(reset.payload.readUInt32BE(0)).toBe(ERROR.enhanceYourCalm)
  client.send(headers(5), data(5, HELLO))
  expect(await answerOf(client, 5)).toEqual(HELLO)
})

test('more calls at once than there may be are refused, to be sent again, and those before them are answered', async () => {
  const calls: LaneCall[] = []
  const { port } = await aLane({ '/waits': (call) => calls.push(call) })
  const client = await aFrameClient(port)
  const head = headOf('/waits')
  client.send(
    many(LIMITS.concurrentStreams + 1, (at) =>
      Buffer.concat([headers(2 * at + 1, head), data(2 * at + 1, NOTHING)]),
    ),
  )
  const last = 2 * LIMITS.concurrentStreams + 1
  const reset = await client.next(({ type, stream }) => type === TYPE.rstStream && stream === last)
  expect(reset.payload.readUInt32BE(0)).toBe(ERROR.refusedStream)
  expect(calls).toHaveLength(LIMITS.concurrentStreams)
  calls[0]?.answer(HELLO)
  expect(await answerOf(client, 1)).toEqual(HELLO)
})

test('heads are counted while their call lasts, however it ends: more than fit at once pass one after the other', async () => {
  const { port } = await aLane({ '/waits': () => {} })
  const client = await aFrameClient(port)
  client.send(uint32Frame(TYPE.windowUpdate, 0, 0x7000_0000))
  // Names of the static table by their index: a byte on the wire, far more where it is kept.
  const names = Array.from({ length: 47 }, (_, at) => 15 + at).filter((index) => !NOT_ALONE.has(index))
  const more = Buffer.from(names.map((index) => 0x80 | index))
  const ways = [
    (stream: number) => [headers(stream, Buffer.concat([HEAD, more])), data(stream, HELLO)],
    (stream: number) => [
      headers(stream, Buffer.concat([headOf('/waits'), more])),
      uint32Frame(TYPE.rstStream, stream, ERROR.cancel),
    ],
    (stream: number) => [
      headers(stream, Buffer.concat([headOf('/waits'), more])),
      uint32Frame(TYPE.windowUpdate, stream, 0),
    ],
  ]
  const each = Math.ceil(LIMITS.headBytes / (100 * names.length))
  for (const [at, way] of ways.entries()) {
    const from = 2 * each * at
    client.send(many(each, (call) => Buffer.concat(way(from + 2 * call + 1))))
  }
  client.send(headers(6 * each + 1, Buffer.concat([HEAD, more])), data(6 * each + 1, HELLO))
  expect(await answerOf(client, 6 * each + 1)).toEqual(HELLO)
})

/** content-length, content-type and transfer-encoding, which mean something when they are empty. */
const NOT_ALONE = new Set([28, 31, 57])

const PIECE = Buffer.alloc(16_384, 1)
/** As many of them as must come before the window of the connection is widened. */
const PIECES = 64
const PADDED = frame(TYPE.data, FLAG.padded, 1, Buffer.concat([Buffer.from([255, 0]), Buffer.alloc(255)]))

test.each<readonly [string, readonly Uint8Array[]]>([
  ['padding, though its call has not come whole', [headers(1), many(4_096, () => PADDED)]],
  [
    'what came of calls that are taken back',
    [
      headers(1),
      many(PIECES / 2, () => frame(TYPE.data, 0, 1, PIECE)),
      uint32Frame(TYPE.rstStream, 1, ERROR.cancel),
      headers(3),
      many(PIECES / 2, () => frame(TYPE.data, 0, 3, PIECE)),
      uint32Frame(TYPE.rstStream, 3, ERROR.cancel),
    ],
  ],
  [
    'what still comes of a call that was reset',
    [headers(1), uint32Frame(TYPE.windowUpdate, 1, 0), many(PIECES, () => frame(TYPE.data, 0, 1, PIECE))],
  ],
])('the window of the connection is widened again by %s', async (_name, sent) => {
  const { port } = await aLane({}, { monotonicMs: () => 0 })
  const client = await aFrameClient(port)
  client.send(...sent, frame(TYPE.ping, 0, 0, Buffer.alloc(8)))
  const isTold = ({ type }: { type: number }) => type === TYPE.windowUpdate || type === TYPE.ping
  // The first one is of the greeting.
  await client.next(isTold)
  const { type, stream, payload } = await client.next(isTold)
  expect([type, stream, payload.readUInt32BE(0)]).toEqual([TYPE.windowUpdate, 0, 1_048_576])
})

test('a call of more padding than its window takes is reset alone', async () => {
  const { port } = await aLane({}, { monotonicMs: () => 0 })
  const client = await aFrameClient(port)
  client.send(
    headers(1),
    many(4_200, () => PADDED),
  )
  const { stream, payload } = await client.next(({ type }) => type === TYPE.rstStream)
  expect([stream, payload.readUInt32BE(0)]).toEqual([1, ERROR.flowControl])
  client.send(headers(3), data(3, HELLO))
  expect(await answerOf(client, 3)).toEqual(HELLO)
})

test('of streams that were reset the latest are remembered, and no more', async () => {
  const { port } = await aLane({}, { monotonicMs: () => 0 })
  const client = await aFrameClient(port)
  const last = 2 * LIMITS.rememberedResets + 1
  client.send(many(LIMITS.rememberedResets + 1, (at) => headers(2 * at + 1, Buffer.from([0x83]))))
  await client.next(({ type, stream }) => type === TYPE.rstStream && stream === last)
  client.send(data(last, HELLO), data(3, HELLO), data(1, HELLO))
  const { stream, payload } = await client.next(({ type }) => type === TYPE.rstStream)
  expect([stream, payload.readUInt32BE(0)]).toEqual([1, ERROR.streamClosed])
})

test('a peer that sends and never reads is cut, and its calls are cancelled', async () => {
  const big = Buffer.alloc(1_048_576)
  let cancelled = 0
  const { port } = await aLane({
    '/big': (call) => {
      call.onCancelled(() => {
        cancelled += 1
      })
      call.answer(big)
    },
    '/waits': (call) => {
      call.onCancelled(() => {
        cancelled += 1
      })
    },
  })
  const client = await aFrameClient(port, { settings: [[4, 0x7fff_ffff]] })
  client.socket.pause()
  client.send(uint32Frame(TYPE.windowUpdate, 0, 0x7000_0000))
  client.send(headers(1, headOf('/waits')), data(1, HELLO))
  client.send(many(64, (at) => Buffer.concat([headers(2 * at + 3, headOf('/big')), data(2 * at + 3, HELLO)])))
  await until(() => cancelled === 1)
  await othersAreServed(port)
})
