// How many processes may serve depends on where the store is and where they listen.
import type { Settings } from './settings.ts'

type Given = Pick<Settings, 'workers' | 'database_url' | 'listen' | 'health_listen'>

/** Why there cannot be so many, when there cannot. */
export const workerFaults = ({ workers, database_url, listen, health_listen }: Given): readonly string[] => {
  if (workers === 1) return []
  const faults: string[] = []
  if (database_url.startsWith('sqlite:'))
    faults.push(
      'one process has an SQLite store at a time: give database_url a mysql:// or leave workers at 1',
    )
  if (listen.startsWith('unix:')) return faults
  const first = portOf(listen)
  const last = first + workers - 1
  if (first === 0) faults.push('stand on ports that follow each other: give listen a port other than 0')
  else if (last > 65_535) faults.push(`there is no port ${last}: give listen a lower one`)
  else if (portOf(health_listen) >= first && portOf(health_listen) <= last)
    faults.push(`take the ports ${first} to ${last}: give health_listen another one`)
  return faults
}

/** NaN of `off`. */
const portOf = (address: string): number => Number(/:(\d+)$/.exec(address)?.[1])
