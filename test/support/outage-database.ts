// A MariaDB of the test's own that can be lost in every way in which databases are lost, and given back.
import type { RowDataPacket } from 'mysql2/promise'
import { createConnection } from 'mysql2/promise'
import type { MariadbServer } from './mariadb.ts'
import { startMariadb } from './mariadb.ts'
import type { OutageProxy } from './outage-proxy.ts'
import { startOutageProxy } from './outage-proxy.ts'

export const TROUBLES = [
  'slow by 500 ms',
  'refused',
  'killed',
  'half-open',
  'full (1040)',
  'full (1203)',
] as const
export type Trouble = (typeof TROUBLES)[number]

export type OutageDatabase = Readonly<{
  server: MariadbServer
  proxy: OutageProxy
  /** An empty database, through the proxy, by a user for whom every limit of connections holds. */
  freshDatabase(): Promise<string>
  /** Returns how the trouble ends; to end it twice does nothing. */
  inflict(trouble: Trouble): Promise<() => Promise<void>>
  stop(): Promise<void>
}>

const USER = 'app'
const USUAL_LIMIT = 400
/** The least that the server takes as max_connections. */
const FEW = 10

export const startOutageDatabase = async (): Promise<OutageDatabase> => {
  // Zero here could not be changed while it runs.
  const server = await startMariadb([`--max-user-connections=${USUAL_LIMIT}`])
  const { port, hostname } = new URL(server.baseUrl)
  const proxy = await startOutageProxy(Number(port))
  for (const user of [USER, 'stranger'])
    await server.run(`CREATE USER '${user}'@'127.0.0.1' IDENTIFIED BY '${user}'`)

  const occupy = (user: string) =>
    createConnection({ host: hostname, port: Number(port), user, password: user })
  /** Everybody but the occupants is sent away, and with no room left cannot come back. */
  const fill = async (users: readonly string[], limit: string) => {
    // Opened before: later there is no room for the administrator either.
    const administrator = await createConnection(server.baseUrl)
    const occupants = await Promise.all(users.map(occupy))
    await administrator.query(`SET GLOBAL ${limit}`)
    const [clients] = await administrator.query<RowDataPacket[]>(
      `SELECT id FROM information_schema.processlist WHERE user = '${USER}'`,
    )
    const occupying = new Set(occupants.map(({ threadId }) => threadId))
    for (const { id } of clients.filter(({ id }) => !occupying.has(id)))
      await administrator.query(`KILL CONNECTION ${id}`).catch(unlessGone)
    return async () => {
      await administrator.query(
        `SET GLOBAL max_connections = ${USUAL_LIMIT}, GLOBAL max_user_connections = ${USUAL_LIMIT}`,
      )
      await Promise.all([...occupants, administrator].map((connection) => connection.end()))
    }
  }

  const inflict: Record<Trouble, () => Promise<() => Promise<void>>> = {
    'slow by 500 ms': async () => {
      proxy.slow(500)
      return proxy.pass
    },
    refused: async () => {
      await proxy.refuse()
      return proxy.pass
    },
    killed: async () => {
      await server.halt('kill')
      return server.resume
    },
    'half-open': async () => {
      proxy.swallow()
      return proxy.pass
    },
    'full (1040)': () => fill(Array(FEW).fill('stranger'), `max_connections = ${FEW}`),
    'full (1203)': () => fill([USER], 'max_user_connections = 1'),
  }
  return {
    server,
    proxy,
    freshDatabase: async () => {
      const name = new URL(await server.freshDatabase()).pathname.slice(1)
      await server.run(`GRANT ALL ON ${name}.* TO '${USER}'@'127.0.0.1'`)
      return `mysql://${USER}:${USER}@127.0.0.1:${proxy.port}/${name}`
    },
    inflict: async (trouble) => {
      const end = await inflict[trouble]()
      let ended: Promise<void> | undefined
      return () => (ended ??= end())
    },
    stop: async () => {
      await proxy.close()
      await server.stop()
    },
  }
}

/** It went by itself meanwhile. */
const unlessGone = (error: unknown): void => {
  if (!/Unknown thread/.test(String(error))) throw error
}
