// Faults that come again and again while processes charge: cut connections, killed processes, a killed database.
import type { RowDataPacket } from 'mysql2/promise'
import { createConnection } from 'mysql2/promise'
import { pause, untilAdmitted } from './ledger-accounts.ts'
import type { LedgerLoad } from './ledger-load.ts'
import type { MariadbServer } from './mariadb.ts'

const KILL_CONNECTIONS_EVERY_MS = 50
const KILL_PROCESS_EVERY_MS = 2_000
const UNITS_BETWEEN_KILLS = 5_000

/** Every 50 ms the server cuts all connections to the database, the idle ones included. Returns how many. */
export const cutConnections = async (
  server: MariadbServer,
  load: LedgerLoad,
  times: number,
): Promise<number> => {
  const admin = await createConnection(`${server.baseUrl}/mysql`)
  let cut = 0
  try {
    for (let n = 0; n < times; n += 1) {
      const began = performance.now()
      const [found] = await admin.query<RowDataPacket[]>(
        `SELECT id FROM information_schema.processlist WHERE db = '${load.database}'`,
      )
      for (const { id } of found) {
        // One may have ended by itself in between.
        const killed = await admin.query(`KILL ${Number(id)}`).then(
          () => 1,
          () => 0,
        )
        cut += killed
      }
      await pause(Math.max(0, began + KILL_CONNECTIONS_EVERY_MS - performance.now()))
    }
  } finally {
    await admin.end()
  }
  return cut
}

/** Every 2 s one process is killed with all that it has in flight, and another one takes its place. */
export const killProcesses = async (load: LedgerLoad, times: number): Promise<number> => {
  const places = load.fleet.runningTallies().length
  for (let n = 0; n < times; n += 1) {
    const began = performance.now()
    await load.fleet.replace(n % places)
    await pause(Math.max(0, began + KILL_PROCESS_EVERY_MS - performance.now()))
  }
  return times
}

/** The database is killed in the midst of charges, and started again; the next time when charges are made again. */
export const killDatabase = async (
  server: MariadbServer,
  load: LedgerLoad,
  times: number,
): Promise<number> => {
  for (let n = 0; n < times; n += 1) {
    await untilAdmitted(load.fleet, UNITS_BETWEEN_KILLS)
    await server.halt('kill')
    await server.resume()
  }
  return times
}
