// What is sent is counted against the windows of the peer, whether it goes at once or by and by; what they hold back goes when they open.
import { Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import {
  ERROR,
  FIRST_WINDOW,
  frame,
  SETTING,
  settingsFrame,
  TYPE,
  uint32Frame,
} from '../../../src/grpc/lane/frame.ts'
import { createOutbox } from '../../../src/grpc/lane/outbox.ts'
import type { FrameClient } from '../../support/lane-rig.ts'
import { aFrameClient, aLane, data, headers, headOf, isEnd } from '../../support/lane-rig.ts'

const HELLO = Buffer.from('hello')
const PING = frame(TYPE.ping, 0, 0, Buffer.alloc(8))
const ANSWER = 16_000
const SIZED = headOf('/sized')

const aSizedLane = async (settings: Parameters<typeof settingsFrame>[0] = []): Promise<FrameClient> => {
  const { port } = await aLane({ '/sized': (call) => call.answer(Buffer.alloc(ANSWER - 5)) })
  return aFrameClient(port, { settings })
}

const ask = (...streams: readonly number[]): Buffer =>
  Buffer.concat(streams.flatMap((stream) => [headers(stream, SIZED), data(stream, HELLO)]))

/** Bytes of DATA by stream, and the streams that ended, until the server has read all that was sent before. */
const sentSoFar = async (client: FrameClient) => {
  client.send(PING)
  const bytes = new Map<number, number>()
  const ended: number[] = []
  for (;;) {
    const one = await client.next(() => true)
    if (one.type === TYPE.ping) return { bytes: Object.fromEntries(bytes), ended }
    if (one.type === TYPE.data) bytes.set(one.stream, (bytes.get(one.stream) ?? 0) + one.payload.length)
    if (isEnd(one)) ended.push(one.stream)
  }
}

describe('answers that would go whole', () => {
  test('stop where the window of the connection ends, to the byte, and go on in the order of their calls', async () => {
    const client = await aSizedLane([[SETTING.initialWindowSize, 1_000_000]])
    client.send(ask(1, 3, 5, 7, 9, 11))
    const rest = FIRST_WINDOW - 4 * ANSWER
    expect(await sentSoFar(client)).toEqual({
      bytes: { 1: ANSWER, 3: ANSWER, 5: ANSWER, 7: ANSWER, 9: rest },
      ended: [1, 3, 5, 7],
    })
    client.send(uint32Frame(TYPE.windowUpdate, 0, ANSWER - rest + 1))
    expect(await sentSoFar(client)).toEqual({ bytes: { 9: ANSWER - rest, 11: 1 }, ended: [9] })
    client.send(uint32Frame(TYPE.windowUpdate, 0, ANSWER))
    expect(await sentSoFar(client)).toEqual({ bytes: { 11: ANSWER - 1 }, ended: [11] })
    // One byte is left.
    client.send(ask(13))
    expect(await sentSoFar(client)).toEqual({ bytes: { 13: 1 }, ended: [] })
  })

  test('stop where the window of their stream ends, and go on when SETTINGS widen it', async () => {
    const client = await aSizedLane([[SETTING.initialWindowSize, ANSWER - 1]])
    client.send(ask(1, 3))
    expect(await sentSoFar(client)).toEqual({ bytes: { 1: ANSWER - 1, 3: ANSWER - 1 }, ended: [] })
    client.send(settingsFrame([[SETTING.initialWindowSize, ANSWER]]), ask(5))
    expect(await sentSoFar(client)).toEqual({ bytes: { 1: 1, 3: 1, 5: ANSWER }, ended: [1, 3, 5] })
  })

  test('are counted of their stream, too', () => {
    const outbox = createOutbox(new Socket(), () => {})
    outbox.widen(undefined, 1_000_000)
    const sending = outbox.open(1)
    const taken = Array.from({ length: 5 }, () => outbox.mayTake(sending, ANSWER))
    expect(taken).toEqual([true, true, true, true, false])
  })

  test('wait behind what of their stream waits already', () => {
    const outbox = createOutbox(new Socket(), () => {})
    const sending = outbox.open(1)
    sending.waiting.push(HELLO)
    expect(outbox.mayTake(sending, 1)).toBe(false)
  })
})

test('who waits for its own window does not hold up who waits for that of the connection', async () => {
  const client = await aSizedLane([[SETTING.initialWindowSize, 1_000_000]])
  client.send(ask(1, 3, 5, 7, 9, 11))
  await sentSoFar(client)
  // The windows of 9 and 11 are below zero now, that of 13 is not.
  client.send(
    settingsFrame([[SETTING.initialWindowSize, 0]]),
    ask(13),
    uint32Frame(TYPE.windowUpdate, 13, ANSWER),
  )
  client.send(uint32Frame(TYPE.windowUpdate, 0, 2 * ANSWER))
  expect(await sentSoFar(client)).toEqual({ bytes: { 13: ANSWER }, ended: [13] })
  client.send(uint32Frame(TYPE.windowUpdate, 11, ANSWER))
  expect(await sentSoFar(client)).toEqual({ bytes: { 11: ANSWER }, ended: [11] })
})

test('of a call that was taken back nothing more is sent, and its window widens no other', async () => {
  const client = await aSizedLane([[SETTING.initialWindowSize, 1_000_000]])
  client.send(ask(1, 3, 5, 7, 9, 11))
  const rest = FIRST_WINDOW - 4 * ANSWER
  await sentSoFar(client)
  client.send(uint32Frame(TYPE.rstStream, 9, ERROR.cancel), uint32Frame(TYPE.windowUpdate, 9, ANSWER))
  expect(await sentSoFar(client)).toEqual({ bytes: {}, ended: [] })
  client.send(uint32Frame(TYPE.windowUpdate, 0, rest))
  expect(await sentSoFar(client)).toEqual({ bytes: { 11: rest }, ended: [] })
})

test.each([
  ['16,384 bytes until told otherwise', [], [16_384, 16_384, 7_237]],
  ['larger when the peer takes larger ones', [[SETTING.maxFrameSize, 20_000]], [20_000, 20_000, 5]],
  ['as large as they can be', [[SETTING.maxFrameSize, 16_777_215]], [40_005]],
] as const)('frames are %s', async (_name, settings, sizes) => {
  const { port } = await aLane({ '/big': (call) => call.answer(Buffer.alloc(40_000)) })
  const client = await aFrameClient(port, { settings })
  client.send(headers(1, headOf('/big')), data(1, HELLO))
  const got: number[] = []
  for (let left = 40_005; left > 0; left -= got.at(-1) ?? 0)
    got.push((await client.next(({ type }) => type === TYPE.data)).payload.length)
  expect(got).toEqual(sizes)
})

describe('windows may grow to their limit and no further:', () => {
  const LARGEST = 0x7fff_ffff

  test.each([
    ['of the connection', [uint32Frame(TYPE.windowUpdate, 0, LARGEST - FIRST_WINDOW)], 0],
    ['of a stream', [uint32Frame(TYPE.windowUpdate, 1, LARGEST - FIRST_WINDOW)], 1],
  ])('%s', async (_name, widened, stream) => {
    const { port } = await aLane({ '/waits': () => {} })
    const client = await aFrameClient(port)
    client.send(headers(1, headOf('/waits')), data(1, HELLO), ...widened)
    await sentSoFar(client)
    client.send(uint32Frame(TYPE.windowUpdate, stream, 1))
    const { type, payload } = await client.next(
      (one) => one.type === TYPE.goaway || one.type === TYPE.rstStream,
    )
    expect([type, payload.readUInt32BE(stream === 0 ? 4 : 0)]).toEqual([
      stream === 0 ? TYPE.goaway : TYPE.rstStream,
      ERROR.flowControl,
    ])
  })

  test('of all streams, by SETTINGS', async () => {
    const { port } = await aLane({ '/waits': () => {} })
    const client = await aFrameClient(port)
    client.send(headers(1, headOf('/waits')), data(1, HELLO))
    client.send(settingsFrame([[SETTING.initialWindowSize, LARGEST]]))
    await sentSoFar(client)
    client.send(
      settingsFrame([[SETTING.initialWindowSize, LARGEST - 1]]),
      uint32Frame(TYPE.windowUpdate, 1, 1),
    )
    await sentSoFar(client)
    client.send(settingsFrame([[SETTING.initialWindowSize, LARGEST]]))
    const { payload } = await client.next(({ type }) => type === TYPE.goaway)
    expect(payload.readUInt32BE(4)).toBe(ERROR.flowControl)
  })
})
