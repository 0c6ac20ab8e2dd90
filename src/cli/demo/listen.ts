// Binds a loopback HTTP server: on the wanted port when it is free, else on any.
import type { Server } from 'node:http'
import { createServer } from 'node:net'

export type Listening = Readonly<{ port: number; close(): Promise<void> }>

/** Port 0 or undefined: any. Throws when the port is taken. */
export const listenOn = async (server: Server, port = 0): Promise<Listening> => {
  const bound = Promise.withResolvers<void>()
  // Nobody but Envoy asks, which would lose a request that it sends on an idle connection in the moment in which that is closed.
  server.keepAliveTimeout = 0
  server.once('error', bound.reject)
  server.listen(port, '127.0.0.1', bound.resolve)
  await bound.promise
  return { port: portOf(server.address()), close: () => closeServer(server) }
}

/** The wanted port when nobody holds it, else 0. Somebody may take it in between: whoever binds it then says so. */
export const freePort = async (wanted: number): Promise<number> => {
  const probe = createServer()
  const bound = Promise.withResolvers<boolean>()
  probe.once('error', () => bound.resolve(false))
  probe.listen(wanted, '127.0.0.1', () => bound.resolve(true))
  if (!(await bound.promise)) return 0
  const closed = Promise.withResolvers<void>()
  probe.close(() => closed.resolve())
  await closed.promise
  return wanted
}

const closeServer = async (server: Server): Promise<void> => {
  const closed = Promise.withResolvers<void>()
  server.close(() => closed.resolve())
  server.closeAllConnections()
  await closed.promise
}

const portOf = (address: ReturnType<Server['address']>): number => {
  if (address === null || typeof address === 'string') throw new Error('the server is not bound to a port')
  return address.port
}
