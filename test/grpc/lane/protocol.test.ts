// The lane speaks HTTP/2 as RFC 9113 says: calls, windows, errors of a stream and of the connection, a graceful end.
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import {
  ERROR,
  FLAG,
  frame,
  SETTING,
  settingsFrame,
  TYPE,
  uint32Frame,
} from '../../../src/grpc/lane/frame.ts'
import { headerBlock } from '../../../src/grpc/lane/header-blocks.ts'
import type { Lane } from '../../../src/grpc/lane/lane.ts'
import type { LaneCall } from '../../../src/grpc/lane/stream.ts'
import type { Frame } from '../../support/lane-rig.ts'
import { aFrameClient, aLane, answerOf, data, HEAD, headers, headOf, isEnd } from '../../support/lane-rig.ts'
import { until } from '../../support/until.ts'

const NOTHING = new Uint8Array()
const HELLO = Buffer.from('hello')
const HELLO_PING = Buffer.from('hello...')
const isGoaway = ({ type }: Frame): boolean => type === TYPE.goaway
const isReset =
  (stream: number) =>
  (one: Frame): boolean =>
    one.type === TYPE.rstStream && one.stream === stream

const connected = async (settings: Parameters<typeof settingsFrame>[0] = []) => {
  const running = await aLane()
  return { ...running, client: await aFrameClient(running.port, { settings }) }
}

describe('a call', () => {
  test('is answered whatever the pieces in which it arrives', async () => {
    const { port } = await connected()
    const client = await aFrameClient(port)
    const whole = Buffer.concat([headers(1), data(1, HELLO), headers(3), data(3, HELLO)])
    for (const byte of whole) {
      client.send(Buffer.from([byte]))
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect([await answerOf(client, 1), await answerOf(client, 3)]).toEqual([HELLO, HELLO])
  })

  test('is answered with its head in CONTINUATIONs, padded, with a priority, and with trailers', async () => {
    const { client } = await connected()
    const priority = Buffer.from([0, 0, 0, 0, 16])
    const padded = Buffer.concat([Buffer.from([3]), priority, HEAD.subarray(0, 9), Buffer.alloc(3)])
    client.send(
      headers(1, padded, FLAG.padded | FLAG.priority),
      frame(TYPE.continuation, 0, 1, HEAD.subarray(9, 20)),
      frame(TYPE.continuation, FLAG.endHeaders, 1, HEAD.subarray(20)),
    )
    const message = Buffer.concat([Buffer.from([2, 0, 0, 0, 0, 5]), HELLO, Buffer.alloc(2)])
    client.send(frame(TYPE.data, FLAG.padded, 1, message))
    client.send(headers(1, headerBlock([['x-last', 'word']]), FLAG.endHeaders | FLAG.endStream))
    expect(await answerOf(client, 1)).toEqual(HELLO)
  })

  test('is the same whatever the highest bit of its number', async () => {
    const { client } = await connected()
    client.send(headers(0x8000_0001), data(1, HELLO))
    expect(await answerOf(client, 1)).toEqual(HELLO)
  })

  test.each([
    ['to a method that is not there', headOf('/nobody'), data(1, HELLO), '12'],
    [
      'with a compressed message',
      HEAD,
      frame(TYPE.data, FLAG.endStream, 1, Buffer.from([1, 0, 0, 0, 0])),
      '12',
    ],
    ['without a message', HEAD, frame(TYPE.data, FLAG.endStream, 1, NOTHING), '13'],
    ['with more than one message', HEAD, frame(TYPE.data, FLAG.endStream, 1, Buffer.alloc(10)), '13'],
    [
      'with a message that ends early',
      HEAD,
      frame(TYPE.data, FLAG.endStream, 1, Buffer.from([0, 0, 0, 0, 9])),
      '13',
    ],
  ])('%s ends with its status', async (_name, head, body, status) => {
    const { client } = await connected()
    client.send(headers(1, head), body)
    const { payload } = await client.next((one) => one.stream === 1 && isEnd(one))
    expect(payload.toString('latin1')).toContain(`grpc-status${String.fromCharCode(status.length)}${status}`)
  })

  test('that is larger than it may be is told so, and no more of it is kept', async () => {
    const { port } = await aLane({}, { maxMessageBytes: 100_000 })
    const client = await aFrameClient(port)
    client.send(headers(1))
    for (let sent = 0; sent <= 100_000; sent += 10_000)
      client.send(frame(TYPE.data, 0, 1, Buffer.alloc(10_000)))
    const { payload } = await client.next((one) => one.stream === 1 && isEnd(one))
    expect(payload.toString('latin1')).toMatch(/grpc-status.8/s)
    expect((await client.next(isReset(1))).payload.readUInt32BE(0)).toBe(ERROR.none)
    client.send(headers(3), data(3, HELLO))
    expect(await answerOf(client, 3)).toEqual(HELLO)
  })

  test('that its caller takes back is cancelled, and never answered', async () => {
    const calls: LaneCall[] = []
    const cancelled = Promise.withResolvers<void>()
    const { port } = await aLane({
      '/waits': (call) => {
        calls.push(call)
        call.onCancelled(cancelled.resolve)
      },
    })
    const client = await aFrameClient(port)
    client.send(headers(1, headOf('/waits')), data(1, HELLO))
    client.send(uint32Frame(TYPE.rstStream, 1, ERROR.cancel))
    await cancelled.promise
    calls[0]?.answer(HELLO)
    calls[0]?.end(0, '')
    client.send(headers(3), data(3, HELLO))
    expect((await client.next(({ stream }) => stream > 0)).stream).toBe(3)
    client.socket.end()
    expect((await client.ended()).filter(({ stream }) => stream === 1)).toEqual([])
  })

  test.each([
    [
      'that is no POST',
      [
        [':method', 'GET'],
        [':scheme', 'http'],
        [':path', '/echo'],
      ],
      '405',
    ],
    [
      'of another kind',
      [
        [':method', 'POST'],
        [':scheme', 'http'],
        [':path', '/echo'],
        ['content-type', 'text/plain'],
      ],
      '415',
    ],
  ] as const)('%s is answered in HTTP', async (_name, fields, status) => {
    const { client } = await connected()
    client.send(headers(1, headerBlock(fields), FLAG.endHeaders | FLAG.endStream))
    const { payload } = await client.next(({ type, stream }) => type === TYPE.headers && stream === 1)
    expect(payload.toString('latin1')).toContain(status)
  })
})

describe('the windows of the peer', () => {
  test('are never exceeded: an answer waits for them, piece by piece, and other streams go on', async () => {
    const { client } = await connected([[SETTING.initialWindowSize, 4]])
    client.send(headers(1), data(1, HELLO))
    const sizes: number[] = []
    for (let left = 10; left > 0; left -= sizes.at(-1) ?? 0) {
      if (sizes.length > 0) client.send(uint32Frame(TYPE.windowUpdate, 1, 4))
      const { payload } = await client.next(({ type, stream }) => type === TYPE.data && stream === 1)
      sizes.push(payload.length)
    }
    expect(sizes).toEqual([4, 4, 2])
    await client.next((one) => one.stream === 1 && isEnd(one))
  })

  test('of the connection hold all streams, and open in order', async () => {
    const big = Buffer.alloc(60_000, 1)
    const { port } = await aLane({ '/big': (call) => call.answer(big) })
    const client = await aFrameClient(port, { settings: [[SETTING.initialWindowSize, 1_000_000]] })
    client.send(headers(1, headOf('/big')), data(1, HELLO), headers(3, headOf('/big')), data(3, HELLO))
    await client.next((one) => one.stream === 1 && isEnd(one))
    client.send(uint32Frame(TYPE.windowUpdate, 0, 60_000))
    await client.next((one) => one.stream === 3 && isEnd(one))
  })

  test('may be made smaller than what was sent, and are waited for', async () => {
    const { client } = await connected([[SETTING.initialWindowSize, 6]])
    client.send(headers(1), data(1, HELLO))
    await client.next(({ type }) => type === TYPE.data)
    client.send(settingsFrame([[SETTING.initialWindowSize, 0]]))
    client.send(uint32Frame(TYPE.windowUpdate, 1, 7))
    const { payload } = await client.next(({ type }) => type === TYPE.data)
    expect(payload.length).toBe(1)
  })

  test('frames are as small as the peer wants them', async () => {
    const big = Buffer.alloc(40_000, 1)
    const { port } = await aLane({ '/big': (call) => call.answer(big) })
    const client = await aFrameClient(port)
    client.send(headers(1, headOf('/big')), data(1, HELLO))
    let received = 0
    while (received < 40_005) {
      const { payload } = await client.next(({ type }) => type === TYPE.data)
      expect(payload.length).toBeLessThanOrEqual(16_384)
      received += payload.length
    }
  })

  test('of ours are widened again: more than all of a connection passes', async () => {
    const { client } = await connected()
    const message = Buffer.alloc(16_000)
    for (let call = 0; call < 5_000; call += 1) {
      client.send(headers(2 * call + 1), data(2 * call + 1, message.subarray(0, 15_000)))
      if (call % 500 === 499) {
        client.send(uint32Frame(TYPE.windowUpdate, 0, 500 * 15_005))
        await client.next((one) => one.stream === 2 * call + 1 && isEnd(one))
      }
    }
  })
})

describe('an error of a stream', () => {
  const head = (...fields: (readonly [string, string])[]) =>
    headerBlock([
      [':method', 'POST'],
      [':scheme', 'http'],
      [':path', '/echo'],
      ['content-type', 'application/grpc'],
      ...fields,
    ])

  test.each([
    [
      'a pseudo-field after another',
      headerBlock([
        ['x', 'y'],
        [':method', 'POST'],
      ]),
    ],
    [
      'a pseudo-field twice',
      headerBlock([
        [':method', 'POST'],
        [':method', 'POST'],
        [':scheme', 'http'],
        [':path', '/'],
      ]),
    ],
    [
      'an unknown pseudo-field',
      headerBlock([
        [':method', 'POST'],
        [':scheme', 'http'],
        [':path', '/'],
        [':what', '1'],
      ]),
    ],
    [
      'no path',
      headerBlock([
        [':method', 'POST'],
        [':scheme', 'http'],
      ]),
    ],
    ['an upper-case name', head(['X-Name', '1'])],
    ['an empty name', head(['', '1'])],
    ['a name that is no token', head(['x name', '1'])],
    ['a name that ends a line', head(['x\n', '1'])],
    ['a value that ends a line', head(['x', 'a\r'])],
    ['a value of two lines', head(['x', 'a\nb'])],
    ['a value with NUL', head(['x', 'a\0'])],
    ['a path of two lines', headOf('/echo\r\n')],
    ['a field of connections', head(['connection', 'close'])],
    ['a te that is no trailers', head(['te', 'gzip'])],
  ])('%s resets it alone', async (_name, block) => {
    const { client, broken } = await connected()
    client.send(headers(1, block, FLAG.endHeaders | FLAG.endStream), headers(3), data(3, HELLO))
    expect((await client.next(isReset(1))).payload.readUInt32BE(0)).toBe(ERROR.protocol)
    expect(await answerOf(client, 3)).toEqual(HELLO)
    expect(broken).toEqual([])
  })

  test.each([
    ['DATA after its end', [headers(1), data(1, HELLO), data(1, HELLO)], ERROR.streamClosed],
    [
      'a length that is not kept',
      [headers(1, headOf('/echo', [['content-length', '9']])), data(1, HELLO)],
      ERROR.protocol,
    ],
    [
      'a length that is more than came',
      [headers(1, headOf('/echo', [['content-length', '11']])), data(1, HELLO)],
      ERROR.protocol,
    ],
    [
      'a window that is widened by nothing',
      [headers(1), uint32Frame(TYPE.windowUpdate, 1, 0)],
      ERROR.protocol,
    ],
    [
      'a window that is widened too far',
      [headers(1), uint32Frame(TYPE.windowUpdate, 1, 0x7fff_ffff)],
      ERROR.flowControl,
    ],
    [
      'a PRIORITY of another size',
      [headers(1), frame(TYPE.priority, 0, 1, Buffer.alloc(4))],
      ERROR.frameSize,
    ],
    [
      'trailers that are malformed',
      [headers(1), headers(1, headerBlock([['X-Last', 'word']]), FLAG.endHeaders | FLAG.endStream)],
      ERROR.protocol,
    ],
    [
      'trailers of two lines',
      [headers(1), headers(1, headerBlock([['x-last', 'a\nb']]), FLAG.endHeaders | FLAG.endStream)],
      ERROR.protocol,
    ],
    [
      'trailers with a pseudo-field',
      [headers(1), headers(1, headerBlock([[':path', '/']]), FLAG.endHeaders | FLAG.endStream)],
      ERROR.protocol,
    ],
    ['a second head that ends nothing', [headers(1), headers(1, headerBlock([['x', 'y']]))], ERROR.protocol],
  ])('%s resets it alone', async (_name, frames, code) => {
    const { client } = await connected()
    client.send(...frames)
    expect((await client.next(isReset(1))).payload.readUInt32BE(0)).toBe(code)
    client.send(headers(3), data(3, HELLO))
    expect(await answerOf(client, 3)).toEqual(HELLO)
  })
})

test('what was on its way when a stream was reset is passed over', async () => {
  const { client, broken } = await connected()
  const trailing = headers(1, headerBlock([['x', 'y']]), FLAG.endHeaders | FLAG.endStream)
  client.send(headers(1), uint32Frame(TYPE.windowUpdate, 1, 0), frame(TYPE.data, 0, 1, HELLO), trailing)
  await client.next(isReset(1))
  client.send(headers(3), data(3, HELLO))
  await client.next(({ stream }) => stream > 0).then(({ stream }) => expect(stream).toBe(3))
  expect(broken).toEqual([])
})

describe('an error of the connection', () => {
  test.each([
    ['DATA before any head', data(1, HELLO), ERROR.protocol],
    ['DATA on no stream', data(0, HELLO), ERROR.protocol],
    ['a head on an even stream', headers(2), ERROR.protocol],
    ['a head that is interrupted', Buffer.concat([headers(1, HEAD, 0), headers(3)]), ERROR.protocol],
    ['a CONTINUATION of nothing', frame(TYPE.continuation, 4, 1, HEAD), ERROR.protocol],
    ['a head after the end', Buffer.concat([headers(1), data(1, HELLO), headers(1)]), ERROR.streamClosed],
    ['a push', frame(TYPE.pushPromise, 4, 1, HEAD), ERROR.protocol],
    ['a head that is no block', headers(1, Buffer.from([0xbe])), ERROR.compression],
    ['a frame that is too large', frame(TYPE.data, 0, 1, Buffer.alloc(16_385)), ERROR.frameSize],
    ['more padding than frame', frame(TYPE.headers, 0xc, 1, Buffer.from([9, 1])), ERROR.protocol],
    ['a PING of another size', frame(TYPE.ping, 0, 0, Buffer.alloc(7)), ERROR.frameSize],
    ['a PING on a stream', frame(TYPE.ping, 0, 1, Buffer.alloc(8)), ERROR.protocol],
    ['SETTINGS of another size', frame(TYPE.settings, 0, 0, Buffer.alloc(5)), ERROR.frameSize],
    ['SETTINGS on a stream', frame(TYPE.settings, 0, 1, NOTHING), ERROR.protocol],
    ['an acknowledgement with settings', frame(TYPE.settings, 1, 0, Buffer.alloc(6)), ERROR.frameSize],
    ['push that is neither on nor off', settingsFrame([[SETTING.enablePush, 2]]), ERROR.protocol],
    [
      'a first window that is too large',
      settingsFrame([[SETTING.initialWindowSize, 0x8000_0000]]),
      ERROR.flowControl,
    ],
    [
      'a head that depends on itself',
      headers(1, Buffer.concat([Buffer.from([0x80, 0, 0, 1, 16]), HEAD]), FLAG.priority | FLAG.endHeaders),
      ERROR.protocol,
    ],
    [
      'a head that ends within its priority',
      headers(1, Buffer.alloc(4), FLAG.priority | FLAG.endHeaders),
      ERROR.frameSize,
    ],
    [
      'a CONTINUATION of another stream',
      Buffer.concat([headers(1, HEAD, 0), frame(TYPE.continuation, FLAG.endHeaders, 3, NOTHING)]),
      ERROR.protocol,
    ],
    [
      'frames that are larger than may be',
      settingsFrame([[SETTING.maxFrameSize, 16_777_216]]),
      ERROR.protocol,
    ],
    ['frames that are too small', settingsFrame([[SETTING.maxFrameSize, 16_383]]), ERROR.protocol],
    ['RST_STREAM of another size', frame(TYPE.rstStream, 0, 1, Buffer.alloc(3)), ERROR.frameSize],
    ['RST_STREAM before any head', uint32Frame(TYPE.rstStream, 1, 8), ERROR.protocol],
    ['WINDOW_UPDATE before any head', uint32Frame(TYPE.windowUpdate, 1, 8), ERROR.protocol],
    ['WINDOW_UPDATE of another size', frame(TYPE.windowUpdate, 0, 0, Buffer.alloc(3)), ERROR.frameSize],
    ['WINDOW_UPDATE by nothing', uint32Frame(TYPE.windowUpdate, 0, 0), ERROR.protocol],
    ['WINDOW_UPDATE too far', uint32Frame(TYPE.windowUpdate, 0, 0x7fff_ffff), ERROR.flowControl],
    ['GOAWAY that is too short', frame(TYPE.goaway, 0, 0, Buffer.alloc(7)), ERROR.frameSize],
  ])('%s ends it by GOAWAY', async (_name, sent, code) => {
    const { client, broken } = await connected()
    client.send(sent)
    expect((await client.next(isGoaway)).payload.readUInt32BE(4)).toBe(code)
    await client.ended()
    expect(broken).toHaveLength(1)
  })

  test('a head after the end of a call that is not answered yet ends it by GOAWAY', async () => {
    const { port } = await aLane({ '/waits': () => {} })
    const client = await aFrameClient(port)
    const trailing = headers(1, headerBlock([['x', 'y']]), FLAG.endHeaders | FLAG.endStream)
    client.send(headers(1, headOf('/waits')), data(1, HELLO), trailing)
    expect((await client.next(isGoaway)).payload.readUInt32BE(4)).toBe(ERROR.streamClosed)
  })

  test.each([
    ['another protocol', 'GET / HTTP/1.1\r\n\r\n'],
    ['an acknowledgement first', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\x01\0\0\0\0'],
    ['no SETTINGS first', `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${headers(1).toString('latin1')}`],
  ])('%s ends it by GOAWAY', async (_name, sent) => {
    const { port } = await aLane()
    const client = await aFrameClient(port, { greets: false })
    client.send(Buffer.from(sent, 'latin1'))
    expect((await client.next(isGoaway)).payload.readUInt32BE(4)).toBe(ERROR.protocol)
  })

  test('cancels the calls that wait, each once', async () => {
    const cancelled: string[] = []
    const { port, lane } = await aLane({
      '/waits': (call, message) => call.onCancelled(() => cancelled.push(message.toString())),
    })
    const client = await aFrameClient(port)
    const waits = headOf('/waits')
    client.send(headers(1, waits), data(1, HELLO), headers(3, waits), data(3, HELLO), data(0, HELLO))
    await noConnection(lane)
    expect(cancelled).toEqual(['hello', 'hello'])
  })

  test('names the last call that was taken, cancels it at once, and takes no other', async () => {
    let calls = 0
    const cancelled = Promise.withResolvers<void>()
    const { port, lane, broken } = await aLane({
      '/waits': (call) => call.onCancelled(cancelled.resolve),
      '/counts': () => {
        calls += 1
      },
    })
    const client = await aFrameClient(port)
    client.socket.allowHalfOpen = true
    client.send(headers(1), data(1, HELLO), headers(3, headOf('/waits')), data(3, HELLO), data(0, HELLO))
    expect((await client.next(isGoaway)).payload.readUInt32BE(0)).toBe(3)
    await cancelled.promise
    client.send(headers(5, headOf('/counts')), data(5, HELLO))
    client.socket.end()
    await noConnection(lane)
    expect([calls, broken.length]).toEqual([0, 1])
  })

  test('a mistake of ours costs one connection, and is told', async () => {
    const { port, broken } = await aLane({
      '/throws': () => {
        throw new TypeError('ours')
      },
    })
    const client = await aFrameClient(port)
    client.send(headers(1, headOf('/throws')), data(1, HELLO))
    expect((await client.next(isGoaway)).payload.readUInt32BE(4)).toBe(ERROR.internal)
    expect(broken).toEqual(['our bug: TypeError: ours'])
    const other = await aFrameClient(port)
    other.send(headers(1), data(1, HELLO))
    expect(await answerOf(other, 1)).toEqual(HELLO)
  })

  test('frames of types that nobody knows are passed over', async () => {
    const { client } = await connected()
    client.send(frame(0xbe, 0xff, 0, HELLO), frame(0xbf, 0xff, 7, HELLO), headers(1), data(1, HELLO))
    expect(await answerOf(client, 1)).toEqual(HELLO)
  })
})

/** All are closed, and their ends were told. */
const noConnection = async ({ server }: Lane): Promise<void> => {
  const open = promisify(server.getConnections.bind(server))
  await until(async () => (await open()) === 0)
  await new Promise((resolve) => setImmediate(resolve))
}

test('a connection begins with what it takes', async () => {
  const { port } = await aLane({}, { maxMessageBytes: 1_000_000 })
  const client = await aFrameClient(port)
  const { type, payload } = await client.next(() => true)
  expect([type, payload.length]).toEqual([TYPE.settings, 18])
  const told = [0, 6, 12].map((at) => [payload.readUInt16BE(at), payload.readUInt32BE(at + 2)])
  expect(Object.fromEntries(told)).toEqual({
    [SETTING.maxConcurrentStreams]: 16_384,
    [SETTING.initialWindowSize]: 1_000_005 + 16_384,
    [SETTING.maxHeaderListSize]: 65_536,
  })
  const widened = await client.next(() => true)
  expect([widened.type, widened.stream, widened.payload.readUInt32BE(0)]).toEqual([
    TYPE.windowUpdate,
    0,
    64 * 1_048_576 - 65_535,
  ])
})

test('a drain goes on when its own PING is acknowledged, and no other', async () => {
  const { port, lane } = await aLane()
  const client = await aFrameClient(port)
  await client.next(({ type, flags }) => type === TYPE.settings && flags === FLAG.ack)
  const drained = lane.drain(60_000)
  await client.next(isGoaway)
  client.send(frame(TYPE.ping, FLAG.ack, 0, HELLO_PING), headers(1), data(1, HELLO))
  expect(await answerOf(client, 1)).toEqual(HELLO)
  client.socket.end()
  await drained
})

test('a drain that is asked for again is the same', async () => {
  const { port, lane } = await aLane({ '/waits': () => {} })
  const client = await aFrameClient(port)
  client.send(headers(1, headOf('/waits')), data(1, HELLO))
  await client.next(({ type, flags }) => type === TYPE.settings && flags === FLAG.ack)
  const drained = [lane.drain(60_000)]
  const { payload } = await client.next(({ type }) => type === TYPE.ping)
  client.send(frame(TYPE.ping, FLAG.ack, 0, payload))
  expect((await client.next(isGoaway)).payload.readUInt32BE(0)).toBe(1)
  // It must not say again that more may come (6.8).
  drained.push(lane.drain(60_000))
  client.send(frame(TYPE.ping, 0, 0, HELLO_PING))
  const { type } = await client.next((one) => one.type === TYPE.ping || isGoaway(one))
  expect(type).toBe(TYPE.ping)
  client.socket.end()
  await Promise.all(drained)
})

test('a drain lets in what is on its way, names the last stream when the peer knows, and closes after the last answer', async () => {
  const calls: LaneCall[] = []
  const began = Promise.withResolvers<void>()
  const { port, lane } = await aLane({
    '/waits': (call) => {
      calls.push(call)
      if (calls.length === 2) began.resolve()
    },
  })
  const client = await aFrameClient(port)
  client.send(headers(1, headOf('/waits')), data(1, HELLO))
  await client.next(({ type, flags }) => type === TYPE.settings && flags === FLAG.ack)
  const drained = lane.drain(60_000)
  const first = await client.next(isGoaway)
  expect(first.payload.readUInt32BE(0)).toBe(0x7fff_ffff)
  const ping = await client.next(({ type }) => type === TYPE.ping)
  // Sent before the first GOAWAY was read.
  client.send(headers(3, headOf('/waits')), data(3, HELLO))
  client.send(frame(TYPE.ping, FLAG.ack, 0, ping.payload))
  expect((await client.next(isGoaway)).payload.readUInt32BE(0)).toBe(3)
  // After the last stream was named nothing is begun.
  client.send(headers(5, headOf('/waits')), data(5, HELLO))
  await began.promise
  // The server has read that, too, and those in flight are none the worse.
  client.send(frame(TYPE.ping, 0, 0, HELLO_PING))
  await client.next(({ type, payload }) => type === TYPE.ping && payload.equals(HELLO_PING))
  for (const call of calls) call.answer(HELLO)
  expect([await answerOf(client, 1), await answerOf(client, 3)]).toEqual([HELLO, HELLO])
  await drained
  await client.ended()
  expect(calls).toHaveLength(2)
})
