// Checks answered in a second by Latchkey on one core, asked over gRPC on a socket file.
import { join } from 'node:path'
import type { LimitDraft } from '../src/quota/limit-book.ts'
import type { Replica } from '../test/support/replicas.ts'
import { startReplica } from '../test/support/replicas.ts'
import type { CheckLoadResult } from './load-checks.ts'
import { prepareStore } from './prepare-store.ts'
import { cpuSeconds, pin, runLoad } from './processes.ts'
import type { Spread } from './statistics.ts'
import { spreadOf } from './statistics.ts'

export type CheckFigure = Readonly<{
  name: string
  /** Checks a second. */
  rate: Spread
  /** Microseconds of processor time that Latchkey spent on one Check; undefined where the system does not say. */
  cpuMicroseconds: Spread | undefined
}>

type Subject = Readonly<{
  name: string
  address: string
  pid: number
  secret: string | undefined
  /** The gRPC status that every answer must have. */
  status: number
}>

const IN_FLIGHT = 64
const SERVER_CORE = 0
const CLIENT_CORE = 1
const NEVER_REACHED: LimitDraft = { unit: 'requests', period: 'month', zone: 'UTC', amount: 1_000_000_000 }
const OK = 0
const UNAUTHENTICATED = 16

export const measureChecks = async (
  { directory, mysqlUrl, rounds }: Readonly<{ directory: string; mysqlUrl: string; rounds: number }>,
  say: (sentence: string) => void,
): Promise<readonly CheckFigure[]> => {
  const stores = [
    { name: 'SQLite', url: `sqlite:${join(directory, 'checks.db')}` },
    { name: 'MariaDB', url: mysqlUrl },
  ]
  const servers: Replica[] = []
  try {
    const subjects: Subject[] = []
    for (const { name, url } of stores) {
      const [unlimited = '', limited = ''] = await prepareStore(url, { keys: [[], [NEVER_REACHED]] })
      const server = await startReplica(directory, name, url, { LATCHKEY_DRAIN_DELAY: '0ms' })
      servers.push(server)
      const { pid = 0 } = server.process
      pin(pid, SERVER_CORE)
      subjects.push(...subjectsOf(name, { address: server.address, pid }, { unlimited, limited }))
    }
    // What belongs together stands together in the table: by name, and the fastest happens to come first.
    const figures = await measure(subjects, rounds, say)
    return figures.toSorted((a, b) => b.name.localeCompare(a.name))
  } finally {
    for (const server of servers) await server.stop()
  }
}

const subjectsOf = (
  store: string,
  server: Readonly<{ address: string; pid: number }>,
  keys: Readonly<{ unlimited: string; limited: string }>,
): readonly Subject[] => {
  const limited = { name: `warm key with a limit, ${store}`, ...server, secret: keys.limited, status: OK }
  const unknown = {
    name: `unknown key, a new one each time, ${store}`,
    ...server,
    secret: undefined,
    status: UNAUTHENTICATED,
  }
  if (store !== 'SQLite') return [limited, unknown]
  // Neither of these asks the store, so one store stands for both.
  const unlimited = { name: 'warm key without a limit', ...server, secret: keys.unlimited, status: OK }
  const malformed = {
    name: 'malformed key',
    ...server,
    secret: `${keys.limited.slice(0, -1)}!`,
    status: UNAUTHENTICATED,
  }
  return [unlimited, limited, unknown, malformed]
}

/** Round by round, each subject once in each, so that whatever else the machine does meets all of them. */
const measure = async (
  subjects: readonly Subject[],
  rounds: number,
  say: (sentence: string) => void,
): Promise<readonly CheckFigure[]> => {
  const rates = subjects.map((): number[] => [])
  const costs = subjects.map((): number[] => [])
  for (let round = 1; round <= rounds; round += 1) {
    say(`Checks, round ${round} of ${rounds}`)
    for (const [index, subject] of subjects.entries()) {
      const before = cpuSeconds(subject.pid)
      const { warm, measured } = await load(subject)
      const after = cpuSeconds(subject.pid)
      rates[index]?.push(measured.checks / measured.seconds)
      if (before !== undefined && after !== undefined)
        costs[index]?.push(((after - before) / (warm.checks + measured.checks)) * 1e6)
    }
  }
  return subjects.map(({ name }, index) => {
    const cost = costs[index] ?? []
    return {
      name,
      rate: spreadOf(rates[index] ?? []),
      cpuMicroseconds: cost.length === 0 ? undefined : spreadOf(cost),
    }
  })
}

const load = async ({ name, address, secret, status }: Subject): Promise<CheckLoadResult> => {
  const result = await runLoad<CheckLoadResult>(
    'load-checks.ts',
    { address, secret, inFlight: IN_FLIGHT, warmMs: 500, measureMs: 2_000 },
    CLIENT_CORE,
  )
  const other = Object.keys(result.measured.statuses).filter((found) => found !== `${status}`)
  if (other.length > 0)
    throw new Error(`${name}: answers of status ${other.join(', ')} in place of ${status}`)
  return result
}
