// Raises Node's guard against reset streams, which on a connection that everybody shares hits the innocent.
import type { Server } from '@grpc/grpc-js'

/**
 * Node closes a connection after a burst of 1,000 streams that its peer resets. Envoy's resets are Checks
 * that outlived its timeout, and innocent ones wait on the same connection. Who may connect is decided by the
 * socket's mode or by TLS, so the guard protects nobody here. grpc-js passes no such option to
 * http2.createServer: its own object is reached. Throws when grpc-js keeps it elsewhere.
 */
export const tolerateResets = (server: Server): void => {
  const http2Options: unknown = Reflect.get(server, 'commonServerOptions')
  if (typeof http2Options !== 'object' || http2Options === null)
    throw new Error('grpc-js keeps the options of its HTTP/2 server elsewhere now')
  Object.assign(http2Options, { streamResetBurst: RESETS, streamResetRate: RESETS })
}

const RESETS = 1_000_000
