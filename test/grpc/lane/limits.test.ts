// What a peer can make us hold or do is bounded: each flood that HTTP/2 servers fell to ends in a reset or a GOAWAY, and harms nobody else.
import { expect, test } from 'vitest'
import { ERROR, FLAG, frame, settingsFrame, TYPE, uint32Frame } from '../../../src/grpc/lane/frame.ts'
import { LIMITS } from '../../../src/grpc/lane/limits.ts'
import type { LaneCall } from '../../../src/grpc/lane/stream.ts'
import type { Frame } from '../../support/lane-rig.ts'
import { aFrameClient, aLane, answerOf, data, HEAD, headers, headOf } from '../../support/lane-rig.ts'
import { until } from '../../support/until.ts'

const HELLO = Buffer.from('hello')
const NOTHING = new Uint8Array()
const isGoaway = ({ type }: Frame): boolean => type === TYPE.goaway
const FLOOD = 120_000

/** Another connection goes on being served. */
const othersAreServed = async (port: number): Promise<void> => {
  const other = await aFrameClient(port)
  other.send(headers(1), data(1, HELLO))
  expect(await answerOf(other, 1)).toEqual(HELLO)
}

const many = (count: number, one: (at: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, at) => one(at)))

// CVE-2023-44487, rapid reset; CVE-2025-8671, MadeYouReset; CVE-2024-27316 and its like, CONTINUATION floods; CVE-2019-9511 to
// CVE-2019-9518: data dribble, ping, settings, reset and empty-frame floods.
test.each([
  [
    'rapid reset',
    (at: number) =>
      Buffer.concat([headers(2 * at + 1), uint32Frame(TYPE.rstStream, 2 * at + 1, ERROR.cancel)]),
  ],
  [
    'resets that are made ours',
    (at: number) => Buffer.concat([headers(2 * at + 1), uint32Frame(TYPE.windowUpdate, 2 * at + 1, 0)]),
  ],
  ['pings', () => frame(TYPE.ping, 0, 0, Buffer.alloc(8))],
  ['settings', () => settingsFrame([])],
  ['acknowledged settings', () => frame(TYPE.settings, FLAG.ack, 0, NOTHING)],
  ['priorities', () => frame(TYPE.priority, 0, 1, Buffer.from([0, 0, 0, 0, 16]))],
  ['windows', () => uint32Frame(TYPE.windowUpdate, 0, 1)],
  ['unknown frames', () => frame(0xbe, 0, 0, NOTHING)],
  ['empty DATA', (at: number) => (at === 0 ? headers(1) : frame(TYPE.data, 0, 1, NOTHING))],
])('a flood of %s ends its connection, calmly', async (_name, one) => {
  // Time stands still: all of it comes within a second.
  const { port, broken } = await aLane({}, { monotonicMs: () => 0 })
  const client = await aFrameClient(port)
  client.send(many(FLOOD, one))
  expect((await client.next(isGoaway)).payload.readUInt32BE(4)).toBe(ERROR.enhanceYourCalm)
  expect(broken).toEqual(['too many frames that do no work'])
  await othersAreServed(port)
})

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

test.each([
  [
    'CONTINUATIONs without end',
    (at: number) => (at === 0 ? headers(1, HEAD, 0) : frame(TYPE.continuation, 0, 1, Buffer.alloc(100))),
  ],
  [
    'empty CONTINUATIONs without end',
    (at: number) => (at === 0 ? headers(1, HEAD, 0) : frame(TYPE.continuation, 0, 1, NOTHING)),
  ],
])('%s end their connection', async (_name, one) => {
  const { port } = await aLane()
  const client = await aFrameClient(port)
  client.send(many(1_000, one))
  expect((await client.next(isGoaway)).payload.readUInt32BE(4)).toBe(ERROR.enhanceYourCalm)
  await othersAreServed(port)
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
