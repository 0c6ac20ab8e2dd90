// Every way in which HTTP/2 servers were brought down, by the number it was published under: memory stays bounded, and others are served.
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
import { onClose } from '../../support/closing.ts'
import { recordFigure } from '../../support/figures.ts'
import { anAttackedLane } from '../../support/lane-attack.ts'
import { data, HEAD, headers, headOf } from '../../support/lane-rig.ts'

const NOTHING = new Uint8Array()
const HELLO = Buffer.from('hello')
const PROVE = process.env['LATCHKEY_PROVE'] === '1'
/** More than the lane takes of one connection in a second. */
const FLOOD = PROVE ? 200_000 : 51_000
const HEADS = PROVE ? 20_000 : 400
/** Those of 30 KB; a tenth of 10,000 fits. */
const LARGE_HEADS = PROVE ? 10_000 : 2_000
/** Bytes that are dribbled, to 2,000 calls. */
const DRIBBLED = PROVE ? 1_000 : 200
const WAITS = headOf('/waits')
const NINE_BYTES = headOf('/echo', [['content-length', '9']])

const many = (count: number, one: (at: number) => Uint8Array): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, at) => one(at)))
const both = (...parts: readonly Uint8Array[]): Buffer => Buffer.concat(parts)
const streamAt = (at: number): number => 2 * at + 1
const first = (at: number, opening: Buffer, rest: Buffer): Buffer => (at === 0 ? opening : rest)
const pseudoTwice = headerBlock([
  [':method', 'POST'],
  [':method', 'POST'],
])
const PRIORITY = frame(TYPE.priority, 0, 1, Buffer.from([0, 0, 0, 0, 16]))
const OPEN = both(headers(1), data(1, HELLO))

describe('what makes work and brings none ends its connection, calmly', () => {
  test.each<readonly [string, (at: number) => Uint8Array]>([
    [
      'CVE-2023-44487, rapid reset',
      (at) => both(headers(streamAt(at)), uint32Frame(TYPE.rstStream, streamAt(at), ERROR.cancel)),
    ],
    [
      'CVE-2023-44487, rapid reset of calls that had begun',
      (at) =>
        both(
          headers(streamAt(at), WAITS),
          data(streamAt(at), HELLO),
          uint32Frame(TYPE.rstStream, streamAt(at), ERROR.cancel),
        ),
    ],
    [
      'CVE-2025-8671, MadeYouReset by a window widened by nothing',
      (at) => both(headers(streamAt(at)), uint32Frame(TYPE.windowUpdate, streamAt(at), 0)),
    ],
    [
      'CVE-2025-8671, MadeYouReset by a window widened too far',
      (at) => both(headers(streamAt(at)), uint32Frame(TYPE.windowUpdate, streamAt(at), 0x7fff_ffff)),
    ],
    [
      'CVE-2025-8671, MadeYouReset by a PRIORITY of another size',
      (at) => both(headers(streamAt(at)), frame(TYPE.priority, 0, streamAt(at), Buffer.alloc(4))),
    ],
    [
      'CVE-2025-8671, MadeYouReset by a stream that depends on itself',
      (at) => {
        const itself = Buffer.alloc(5)
        itself.writeUInt32BE(streamAt(at))
        return both(headers(streamAt(at)), frame(TYPE.priority, 0, streamAt(at), itself))
      },
    ],
    [
      'CVE-2025-8671, MadeYouReset by DATA after the end',
      (at) => both(headers(streamAt(at), WAITS), data(streamAt(at), HELLO), data(streamAt(at), HELLO)),
    ],
    [
      'CVE-2025-8671, MadeYouReset by a length that is not kept',
      (at) => both(headers(streamAt(at), NINE_BYTES), data(streamAt(at), HELLO)),
    ],
    ['CVE-2019-9514, reset flood by malformed heads', (at) => headers(streamAt(at), pseudoTwice)],
    ['CVE-2019-9515, SETTINGS', () => settingsFrame([])],
    ['CVE-2019-9515, acknowledged SETTINGS', () => frame(TYPE.settings, FLAG.ack, 0, NOTHING)],
    ['CVE-2019-9512, PING', () => frame(TYPE.ping, 0, 0, Buffer.alloc(8))],
    ['CVE-2019-9512, acknowledged PING', () => frame(TYPE.ping, FLAG.ack, 0, Buffer.alloc(8))],
    ['CVE-2019-9518, empty DATA', (at) => first(at, headers(1), frame(TYPE.data, 0, 1, NOTHING))],
    [
      'CVE-2019-9518, DATA of nothing but padding',
      (at) => first(at, headers(1), frame(TYPE.data, FLAG.padded, 1, Buffer.from([1, 0]))),
    ],
    ['CVE-2019-9518, empty frames of no known type', () => frame(0xbe, 0, 0, NOTHING)],
    ['CVE-2019-9513, priorities', () => PRIORITY],
    ['windows that are widened a little', () => uint32Frame(TYPE.windowUpdate, 0, 1)],
    ['GOAWAY', () => frame(TYPE.goaway, 0, 0, Buffer.alloc(8))],
  ])('%s', async (_name, one) => {
    const lane = await anAttackedLane()
    await lane.flood(many(FLOOD, one))
    await lane.expectEnded(ERROR.enhanceYourCalm)
    await lane.expectUnharmed()
  })

  test.each<readonly [string, Uint8Array]>([
    ['that carry bytes', Buffer.alloc(100)],
    ['that are empty', NOTHING],
  ])('CVE-2024-27316, CONTINUATIONs %s and never end', async (_name, piece) => {
    const lane = await anAttackedLane()
    await lane.flood(
      many(FLOOD, (at) => first(at, headers(1, HEAD, 0), frame(TYPE.continuation, 0, 1, piece))),
    )
    await lane.expectEnded(ERROR.enhanceYourCalm)
    await lane.expectUnharmed()
  })
})

describe('heads', () => {
  test('CVE-2019-9516, fields without name or value: the call is refused, and its connection goes on', async () => {
    const lane = await anAttackedLane()
    const inNoTable = Buffer.alloc(3 * 1_000, Buffer.from([0, 0, 0]))
    const inTheTable = Buffer.alloc(3 * 1_000, Buffer.from([0x40, 0, 0]))
    await lane.flood(
      many(HEADS, (at) => headers(streamAt(at), both(HEAD, at % 2 === 0 ? inNoTable : inTheTable))),
    )
    await lane.expectGoesOn(streamAt(HEADS))
    await lane.expectUnharmed()
  })

  test('CVE-2016-6581, a bomb: a field of 4 KB named 10,000 times a head is refused, and its connection goes on', async () => {
    const lane = await anAttackedLane()
    const entry = both(Buffer.from([0x40, 1, 0x78, 0x7f, 0xa1, 0x1e]), Buffer.alloc(4_000, 'v'))
    await lane.flood(both(headers(1, both(HEAD, entry)), data(1, HELLO)))
    const bomb = both(HEAD, Buffer.alloc(10_000, 0xbe))
    await lane.flood(many(1_000, (at) => headers(3 + 2 * at, bomb)))
    await lane.expectGoesOn(2_003)
    await lane.expectUnharmed()
  })

  test('large ones of many calls that never end are refused, and their connection goes on', async () => {
    const lane = await anAttackedLane()
    for (let at = 0; at < LARGE_HEADS; at += 100)
      await lane.flood(
        many(100, (more) => {
          const value = `${at + more}`.padEnd(30_000, 'x')
          const block = both(WAITS, headerBlock([['x-large', value]]))
          return both(
            headers(streamAt(at + more), block.subarray(0, 16_000), 0),
            frame(TYPE.continuation, FLAG.endHeaders, streamAt(at + more), block.subarray(16_000)),
          )
        }),
      )
    const refused = await lane.attacker.next(({ type }) => type === TYPE.rstStream)
    expect(refused.payload.readUInt32BE(0)).toBe(ERROR.refusedStream)
    await lane.flood(uint32Frame(TYPE.rstStream, 1, ERROR.cancel))
    await lane.expectGoesOn(streamAt(LARGE_HEADS))
    await lane.expectUnharmed()
  })
})

describe('windows', () => {
  test.each<readonly [string, Uint8Array]>([
    ['of the connection', uint32Frame(TYPE.windowUpdate, 0, 0x7fff_ffff)],
    [
      'of a stream, by SETTINGS',
      both(
        headers(1, WAITS),
        uint32Frame(TYPE.windowUpdate, 1, 0x7000_0000),
        settingsFrame([[SETTING.initialWindowSize, 0x7fff_ffff]]),
      ),
    ],
  ])('window overflow %s ends it', async (_name, sent) => {
    const lane = await anAttackedLane()
    await lane.flood(Buffer.from(sent))
    await lane.expectEnded(ERROR.flowControl)
    await lane.expectUnharmed()
  })

  test('window overflow of a stream resets it alone', async () => {
    const lane = await anAttackedLane()
    await lane.flood(
      both(
        headers(1, WAITS),
        data(1, HELLO),
        uint32Frame(TYPE.windowUpdate, 1, 0x4000_0000),
        uint32Frame(TYPE.windowUpdate, 1, 0x4000_0000),
      ),
    )
    const reset = await lane.attacker.next(({ type }) => type === TYPE.rstStream)
    expect([reset.stream, reset.payload.readUInt32BE(0)]).toEqual([1, ERROR.flowControl])
    await lane.expectGoesOn(3)
    await lane.expectUnharmed()
  })

  test('more DATA than all calls together may send ends it', async () => {
    const lane = await anAttackedLane()
    const piece = Buffer.alloc(16_384)
    for (let stream = 1; stream < 161; stream += 2)
      await lane.flood(
        both(
          headers(stream),
          many(60, () => frame(TYPE.data, 0, stream, piece)),
        ),
      )
    await lane.expectEnded(ERROR.flowControl)
    await lane.expectUnharmed()
  })

  test('CVE-2019-9511, data dribble: a byte at a time of many calls takes no more than their bytes', async () => {
    const lane = await anAttackedLane()
    const streams = 2_000
    await lane.flood(many(streams, (at) => headers(streamAt(at))))
    for (let round = 0; round < DRIBBLED / 10; round += 1)
      await lane.flood(
        many(streams * 10, (at) => frame(TYPE.data, 0, streamAt(at % streams), Buffer.from([0]))),
      )
    await lane.expectGoesOn(streamAt(streams))
    await lane.expectUnharmed()
    recordFigure({
      name: `most memory of a lane that ${streams * DRIBBLED} bytes were sent to in as many frames`,
      value: Math.round(await lane.peakMib()),
      unit: 'MiB',
    })
  })

  test('a piece of a call does not hold what was read with it', async () => {
    const lane = await anAttackedLane()
    const filler = frame(0xbe, 0, 0, Buffer.alloc(16_384))
    const call = (at: number) =>
      both(headers(streamAt(at)), frame(TYPE.data, 0, streamAt(at), HELLO), filler, filler, filler, filler)
    for (let at = 0; at < 8_000; at += 20) await lane.flood(many(20, (more) => call(at + more)))
    await lane.expectGoesOn(16_001)
    await lane.expectUnharmed()
  })

  test('CVE-2019-9511, data dribble: an answer that is taken a byte at a time harms nobody', async () => {
    const lane = await anAttackedLane([[SETTING.initialWindowSize, 0]])
    await lane.flood(OPEN)
    await lane.flood(many(9, () => uint32Frame(TYPE.windowUpdate, 1, 1)))
    for (let sent = 0; sent < 9; sent += 1) {
      const { payload } = await lane.attacker.next(({ type }) => type === TYPE.data)
      expect(payload).toHaveLength(1)
    }
    await lane.expectUnharmed()
  })

  test('CVE-2019-9517, internal data buffering: windows wide open, and nothing is ever read', async () => {
    const lane = await anAttackedLane([[SETTING.initialWindowSize, 0x7fff_ffff]])
    const { socket } = lane.attacker
    socket.pause()
    await lane.flood(uint32Frame(TYPE.windowUpdate, 0, 0x7000_0000))
    await lane.flood(
      many(200, (at) => both(headers(streamAt(at), headOf('/big')), data(streamAt(at), HELLO))),
    )
    await lane.expectUnharmed()
    // What the kernel had taken is read now, and after it the end.
    socket.resume()
    await lane.attacker.ended()
  })

  test('CVE-2019-9513, resource loop: windows of 16,000 calls that wait are looked at no oftener than a peer may', async () => {
    const lane = await anAttackedLane([[SETTING.initialWindowSize, 0]])
    await lane.flood(many(16_000, (at) => both(headers(streamAt(at)), data(streamAt(at), HELLO))))
    await lane.flood(many(24_000, () => uint32Frame(TYPE.windowUpdate, 0, 1)))
    const settings = Array.from({ length: 2_700 }, (_, at) => [SETTING.initialWindowSize, at % 2] as const)
    await lane.flood(many(200, () => settingsFrame(settings)))
    await lane.expectEnded(ERROR.enhanceYourCalm)
    await lane.expectUnharmed()
  })
})

test('a peer that was told to go and stays is cut', async () => {
  const lane = await anAttackedLane()
  const { socket } = lane.attacker
  socket.allowHalfOpen = true
  await lane.flood(data(1, HELLO))
  await lane.expectEnded(ERROR.protocol)
  const pinging = setInterval(() => socket.write(frame(TYPE.ping, 0, 0, Buffer.alloc(8))), 5)
  onClose(() => clearInterval(pinging))
  await lane.attacker.ended()
  await lane.expectUnharmed()
})
