// A TCP proxy in front of a database, for what happens to networks: slow, refused, or swallowed without a word.
import { once } from 'node:events'
import type { Server, Socket } from 'node:net'
import { connect, createServer } from 'node:net'
import { freePort } from './mariadb.ts'

export type OutageProxy = Readonly<{
  port: number
  /** As if it were not there. Connections that were swallowed stay so. */
  pass(): Promise<void>
  /** Each answer comes this much later. */
  slow(byMs: number): void
  /** Connections are cut, new ones refused. */
  refuse(): Promise<void>
  /** Connections stand, and new ones are taken, but no byte arrives any more, in either direction, ever. */
  swallow(): void
  close(): Promise<void>
}>

type Pair = { readonly client: Socket; readonly upstream: Socket | undefined; deaf: boolean }

export const startOutageProxy = async (upstreamPort: number): Promise<OutageProxy> => {
  const port = await freePort()
  const pairs = new Set<Pair>()
  let server: Server | undefined
  let slowByMs = 0
  let swallowing = false

  const take = (client: Socket) => {
    const upstream = swallowing ? undefined : connect(upstreamPort, '127.0.0.1')
    const pair: Pair = { client, upstream, deaf: swallowing }
    pairs.add(pair)
    const cut = () => {
      client.destroy()
      upstream?.destroy()
      pairs.delete(pair)
    }
    client.setNoDelay().on('error', cut).on('close', cut)
    // Read, or the end of it would not be noticed.
    client.on('data', (bytes) => pair.deaf || upstream?.write(bytes))
    upstream?.setNoDelay().on('error', cut)
    // A database that goes away while nobody can hear of it is not heard of.
    upstream?.on('close', () => pair.deaf || cut())
    const held: Buffer[] = []
    const handOver = () => {
      const bytes = held.shift()
      if (bytes !== undefined && !pair.deaf && !client.destroyed) client.write(bytes)
    }
    upstream?.on('data', (bytes) => {
      held.push(bytes)
      if (slowByMs > 0 || held.length > 1) setTimeout(handOver, slowByMs)
      else handOver()
    })
  }
  const listen = async () => {
    if (server !== undefined) return
    server = createServer(take).listen(port, '127.0.0.1')
    await once(server, 'listening')
  }
  const refuse = async () => {
    const closed = server === undefined ? undefined : once(server, 'close')
    server?.close()
    server = undefined
    for (const { client, upstream } of pairs) {
      client.destroy()
      upstream?.destroy()
    }
    await closed
  }

  await listen()
  return {
    port,
    pass: async () => {
      slowByMs = 0
      swallowing = false
      await listen()
    },
    slow: (byMs) => {
      slowByMs = byMs
    },
    refuse,
    swallow: () => {
      swallowing = true
      for (const pair of pairs) pair.deaf = true
    },
    close: refuse,
  }
}
