// A TCP proxy between Envoy and Latchkey that loses what a test wants lost: an answer, or every answer for a while.
import type { Socket } from 'node:net'
import { connect, createServer } from 'node:net'

export type FlakyProxy = Readonly<{
  port: number
  /** Where new connections go; those that stand are cut. `HOST:PORT`, or undefined: refused. */
  aimAt(address: string | undefined): void
  /** The next `count` answers never arrive: the connection is cut when the first byte of one comes. */
  loseAnswers(count: number): void
  /** Answers are held back until told otherwise. */
  holdAnswers(hold: boolean): void
  /** Answers that were lost since the start. */
  lost(): number
  close(): Promise<void>
}>

const HEADERS_FRAME = 0x1
const FRAME_HEAD_BYTES = 9

export const startFlakyProxy = async (address: string): Promise<FlakyProxy> => {
  let target: string | undefined = address
  let toLose = 0
  let lost = 0
  let holding = false
  const pairs = new Set<readonly [Socket, Socket]>()
  const server = createServer((client) => {
    if (target === undefined) return void client.destroy()
    const [host, port] = target.split(':')
    const upstream = connect(Number(port), host)
    const pair = [client, upstream] as const
    pairs.add(pair)
    const cut = () => {
      client.destroy()
      upstream.destroy()
      pairs.delete(pair)
    }
    // Or the end of each answer waits 40 ms for an acknowledgement of its beginning.
    for (const socket of pair) socket.setNoDelay().on('error', cut).on('close', cut)
    client.pipe(upstream)
    const framesOf = createFrameReader()
    upstream.on('data', (bytes) => {
      const answers = framesOf(bytes).filter((type) => type === HEADERS_FRAME).length
      if (answers > 0 && toLose > 0) {
        toLose -= 1
        lost += 1
        cut()
      } else if (!holding) client.write(bytes)
    })
  })
  const listening = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', listening.resolve)
  await listening.promise
  const bound = server.address()
  if (bound === null || typeof bound === 'string') throw new Error('the proxy has no port')
  const cutAll = () => {
    for (const [client, upstream] of pairs) {
      client.destroy()
      upstream.destroy()
    }
  }
  return {
    port: bound.port,
    aimAt: (next) => {
      target = next
      cutAll()
    },
    loseAnswers: (count) => {
      toLose = count
    },
    // What was held back is gone: whoever waits for it must ask again.
    holdAnswers: (hold) => {
      holding = hold
      if (!hold) cutAll()
    },
    lost: () => lost,
    close: async () => {
      cutAll()
      const closed = Promise.withResolvers<void>()
      server.close(() => closed.resolve())
      await closed.promise
    },
  }
}

/** Types of the HTTP/2 frames that begin in each piece of a server's side of a connection. */
const createFrameReader = (): ((bytes: Buffer) => number[]) => {
  let held = Buffer.alloc(0)
  let skip = 0
  return (bytes) => {
    const types: number[] = []
    held = Buffer.concat([held, bytes])
    for (;;) {
      const skipped = Math.min(skip, held.length)
      held = held.subarray(skipped)
      skip -= skipped
      if (skip > 0 || held.length < FRAME_HEAD_BYTES) return types
      types.push(held.readUInt8(3))
      skip = FRAME_HEAD_BYTES + held.readUIntBE(0, 3)
    }
  }
}
