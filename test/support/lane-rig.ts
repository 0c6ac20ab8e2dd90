// A lane with small methods of the test's own, and a client that sends whatever frames it is told; closed after each test.
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { connect } from 'node:net'
import { FLAG, FRAME_HEAD, frame, PREFACE, settingsFrame, TYPE } from '../../src/grpc/lane/frame.ts'
import { headerBlock } from '../../src/grpc/lane/header-blocks.ts'
import type { Lane, LaneMethod, LaneOptions } from '../../src/grpc/lane/lane.ts'
import { createLane } from '../../src/grpc/lane/lane.ts'
import { onClose } from './closing.ts'

export type RunningLane = Readonly<{ lane: Lane; port: number; broken: readonly string[] }>

/** Answers its message back. */
const echo: LaneMethod = (call, message) => call.answer(message)

export const aLane = async (
  methods: Readonly<Record<string, LaneMethod>> = {},
  options: Partial<Pick<LaneOptions, 'maxMessageBytes' | 'monotonicMs'>> = {},
): Promise<RunningLane> => {
  const broken: string[] = []
  const lane = createLane({
    methods: new Map(Object.entries({ '/echo': echo, ...methods })),
    maxMessageBytes: 1_048_576,
    maxAge: undefined,
    monotonicMs: () => performance.now(),
    broken: (why) => broken.push(why),
    ...options,
  })
  lane.server.listen({ host: '127.0.0.1', port: 0 })
  await once(lane.server, 'listening')
  onClose(() => lane.drain(0))
  return { lane, port: (lane.server.address() as AddressInfo).port, broken }
}

export type Frame = Readonly<{ type: number; flags: number; stream: number; payload: Buffer }>

export type FrameClient = Readonly<{
  socket: Socket
  send(...frames: readonly Uint8Array[]): void
  /** The next frame for which it holds; what came before is passed over. Rejects when the connection ends first. */
  next(isIt: (frame: Frame) => boolean): Promise<Frame>
  /** Resolves with all frames that nobody asked for, when the peer has closed. */
  ended(): Promise<readonly Frame[]>
}>

/** With the preface and `settings` sent, unless told otherwise. */
export const aFrameClient = async (
  port: number,
  { greets = true, settings = [] }: { greets?: boolean; settings?: Parameters<typeof settingsFrame>[0] } = {},
): Promise<FrameClient> => {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  onClose(() => socket.destroy())
  const frames: Frame[] = []
  let told = Promise.withResolvers<void>()
  let over = false
  const tell = () => {
    told.resolve()
    told = Promise.withResolvers()
  }
  let rest = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= FRAME_HEAD && rest.length >= FRAME_HEAD + rest.readUIntBE(0, 3)) {
      const end = FRAME_HEAD + rest.readUIntBE(0, 3)
      const [type = 0, flags = 0] = rest.subarray(3, 5)
      frames.push({ type, flags, stream: rest.readUInt32BE(5), payload: rest.subarray(FRAME_HEAD, end) })
      rest = rest.subarray(end)
    }
    tell()
  })
  socket.on('error', () => {})
  socket.on('close', () => {
    over = true
    tell()
  })
  if (greets) socket.write(Buffer.concat([PREFACE, settingsFrame(settings)]))
  return {
    socket,
    send: (...sent) => {
      socket.write(Buffer.concat(sent))
    },
    async next(isIt) {
      for (;;) {
        const at = frames.findIndex(isIt)
        const [found] = at < 0 ? [] : frames.splice(0, at + 1).slice(at)
        if (found !== undefined) return found
        if (over) throw new Error('the connection ended before that frame')
        await told.promise
      }
    },
    async ended() {
      while (!over) await told.promise
      return frames
    },
  }
}

export const HEAD: Buffer = headOf('/echo')

export function headOf(path: string, more: readonly (readonly [string, string])[] = []): Buffer {
  return headerBlock([
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', path],
    [':authority', 'lane'],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
    ...more,
  ])
}

export const headers = (stream: number, block: Uint8Array = HEAD, flags: number = FLAG.endHeaders): Buffer =>
  frame(TYPE.headers, flags, stream, block)

/** The message of a call, and its end. */
export const data = (stream: number, message: Uint8Array, flags: number = FLAG.endStream): Buffer => {
  const payload = Buffer.alloc(5 + message.length)
  payload.writeUInt32BE(message.length, 1)
  payload.set(message, 5)
  return frame(TYPE.data, flags, stream, payload)
}

export const isEnd = ({ type, flags }: Frame): boolean =>
  (type === TYPE.headers || type === TYPE.data) && (flags & FLAG.endStream) !== 0

/** What an echoed call comes back with: DATA and OK. */
export const answerOf = async (client: FrameClient, stream: number): Promise<Buffer> => {
  const { payload } = await client.next((one) => one.type === TYPE.data && one.stream === stream)
  await client.next((one) => one.stream === stream && isEnd(one))
  return payload.subarray(5)
}
