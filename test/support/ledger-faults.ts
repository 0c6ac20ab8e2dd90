// Faults that come again and again while processes charge: cut connections, killed processes, a killed database.
import type { RowDataPacket } from 'mysql2/promise'
import { createConnection } from 'mysql2/promise'
import type { LedgerLoad } from './ledger-load.ts'
import { pause, unitsOf } from './ledger-load.ts'
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
    await everyProcessAdmits(load, UNITS_BETWEEN_KILLS)
    await server.halt('kill')
    await server.resume()
  }
  return times
}

/** Resolves when each process that runs has admitted so much more; the test's own time limit ends it. */
export const everyProcessAdmits = async (load: LedgerLoad, units = 1_000): Promise<void> => {
  const admitted = () => load.fleet.runningTallies().map((tally) => unitsOf(tally, 'admitted'))
  const before = admitted()
  while (admitted().some((now, place) => now < (before[place] ?? 0) + units)) await pause(20)
}

/** Resolves when no statement runs in the database: what was cut off may go on for a while. */
export const databaseRests = async (server: MariadbServer, load: LedgerLoad): Promise<void> => {
  const busy = () =>
    server.run(
      `SELECT id FROM information_schema.processlist WHERE db = '${load.database}' AND command <> 'Sleep'`,
    )
  while ((await busy()).length > 0) await pause(20)
}
