// The servers that are asked the same Checks: Latchkey over either transport, and the minimal one in Go.
import { startReplica } from '../test/support/replicas.ts'
import { buildGoPeer, startGoPeer } from './go-peer.ts'
import { installedLatchkey } from './installed.ts'
import { pin } from './processes.ts'

export type Asked = Readonly<{
  name: 'lane' | 'grpc-js' | 'Go'
  /** `unix:PATH` */
  address: string
  pid: number
  stop(): Promise<void>
}>

export type AskedServers = Readonly<{ servers: readonly Asked[]; withoutGo: string | undefined }>

/** The core of all servers; whoever asks them has the other. */
export const SERVER_CORE = 0
export const CLIENT_CORE = 1

/** All of them on one store, which serves one at a time, and on one core. */
export const startAsked = async (directory: string, url: string): Promise<AskedServers> => {
  const servers: Asked[] = []
  const peer = buildGoPeer()
  try {
    const program = installedLatchkey()
    for (const name of ['lane', 'grpc-js'] as const)
      servers.push(await startLatchkey(name, directory, url, {}, program))
    if ('path' in peer) servers.push(await startGoPeer(peer.path, directory))
  } catch (error) {
    await stopAsked(servers)
    throw error
  }
  for (const { pid } of servers) pin(pid, SERVER_CORE)
  return { servers, withoutGo: 'missing' in peer ? peer.missing : undefined }
}

export const stopAsked = async (servers: readonly Asked[]): Promise<void> => {
  for (const server of servers) await server.stop()
}

/** From the sources of this checkout, unless `program` is another one. */
export const startLatchkey = async (
  transport: 'lane' | 'grpc-js',
  directory: string,
  url: string,
  env: Readonly<Record<string, string>> = {},
  program?: string,
): Promise<Asked> => {
  const settings = { LATCHKEY_TRANSPORT: transport, LATCHKEY_DRAIN_DELAY: '0ms', ...env }
  const { address, process, stop } = await startReplica(directory, transport, url, settings, program)
  return { name: transport, address, pid: process.pid ?? 0, stop }
}
