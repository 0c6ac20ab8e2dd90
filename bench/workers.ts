// What a Check costs with two workers beside what it costs with one process: processor time of all of them, the supervisor too.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { LimitDraft } from '../src/quota/limit-book.ts'
import type { MariadbServer } from '../test/support/mariadb.ts'
import type { Replica } from '../test/support/replicas.ts'
import { startReplica } from '../test/support/replicas.ts'
import type { Workers } from '../test/support/workers-rig.ts'
import { startWorkers } from '../test/support/workers-rig.ts'
import type { OpenLoad, OpenLoadResult } from './load-open.ts'
import { prepareStore } from './prepare-store.ts'
import { cpuSeconds, residentBytes, runLoads } from './processes.ts'
import { createRounds } from './rounds.ts'
import type { Spread } from './statistics.ts'

export type WorkersFigures = Readonly<{
  /** Microseconds of processor time for one Check, and two workers over one process, round by round. */
  cpu: readonly Readonly<{ name: string; one: Spread; two: Spread; ratio: Spread }>[]
  /** Milliseconds. */
  p99: readonly Readonly<{ name: string; one: Spread; two: Spread }>[]
  /** Checks that each process was asked in a second. */
  perSecond: number
  supervisorMib: number
}>

type Bench = Readonly<{ directory: string; mariadb: MariadbServer; rounds: number }>

/** Each server is asked at each of its addresses by a process of its own. */
type Server = Readonly<{ name: 'one' | 'two'; addresses: readonly string[]; pids: readonly number[] }>

const NEVER_REACHED: LimitDraft = { unit: 'requests', period: 'month', zone: 'UTC', amount: 1_000_000_000 }
const KINDS = ['no limit', 'a limit'] as const
/**
 * Of each process, on time: asked as fast as it answers, one process alone finds more Checks in each read of its socket than two that
 * share the cores with whoever asks, and the more it finds the less each costs.
 */
const PER_SECOND = 2_000
const WARM_MS = 2_000
/** The system tells processor time in hundredths of a second: few of them are the error, of many. */
const MEASURE_MS = 5_000
const TIMEOUT_MS = 5_000
const MOST_IN_FLIGHT = 10_000
const ENVIRONMENT = { LATCHKEY_TRANSPORT: 'lane', LATCHKEY_DRAIN_DELAY: '0ms' }

export const measureWorkers = async (
  { directory, mariadb, rounds }: Bench,
  say: (sentence: string) => void,
): Promise<WorkersFigures> => {
  const databaseUrl = await mariadb.freshDatabase()
  const secrets = await prepareStore(databaseUrl, { keys: [[], [NEVER_REACHED]] })
  const home = join(directory, 'workers')
  await mkdir(home)
  let single: Replica | undefined
  const workers = startWorkers({ directory: home, databaseUrl, env: ENVIRONMENT })
  try {
    await workers.untilServing(2)
    single = await startReplica(directory, 'single', databaseUrl, ENVIRONMENT)
    const servers = [ofSingle(single), ofWorkers(workers)]
    const measured = createRounds()
    for (const secret of secrets) for (const server of servers) await measure(server, secret, WARM_MS)
    for (let round = 1; round <= rounds; round += 1) {
      say(`Workers, round ${round} of ${rounds}`)
      for (const [index, kind] of KINDS.entries())
        for (const server of servers) {
          const { p99, cpu } = await measure(server, secrets[index] ?? '', MEASURE_MS)
          measured.add(`${server.name}, ${kind}: p99`, p99)
          measured.add(`${server.name}, ${kind}: cpu`, cpu)
        }
    }
    const both = (name: string, what: string) => ({
      one: measured.spread(`one, ${name}: ${what}`),
      two: measured.spread(`two, ${name}: ${what}`),
    })
    return {
      cpu: KINDS.map((name) => ({
        name,
        ...both(name, 'cpu'),
        ratio: measured.ratio(`two, ${name}: cpu`, `one, ${name}: cpu`),
      })),
      p99: KINDS.map((name) => ({ name, ...both(name, 'p99') })),
      perSecond: PER_SECOND,
      supervisorMib: residentBytes(workers.pid) / 2 ** 20,
    }
  } finally {
    await single?.stop()
    await workers.close()
  }
}

const ofSingle = ({ address, process: { pid = 0 } }: Replica): Server => ({
  name: 'one',
  addresses: [address],
  pids: [pid],
})

const ofWorkers = ({ pid, addressOf, pidsOf }: Workers): Server => ({
  name: 'two',
  addresses: [0, 1].map(addressOf),
  pids: [pid, ...[0, 1].flatMap(pidsOf)],
})

const measure = async (
  { addresses, pids }: Server,
  secret: string,
  forMs: number,
): Promise<Readonly<{ p99: number; cpu: number }>> => {
  const loads = addresses.map(
    (address): OpenLoad => ({
      address,
      secret,
      perSecond: PER_SECOND,
      forMs,
      timeoutMs: TIMEOUT_MS,
      maxInFlight: MOST_IN_FLIGHT,
    }),
  )
  const before = secondsOf(pids)
  const results = await runLoads<OpenLoadResult>('load-open.ts', loads, undefined)
  const seconds = secondsOf(pids) - before
  const sumOf = (told: (result: OpenLoadResult) => number) =>
    results.reduce((sum, result) => sum + told(result), 0)
  const checks = sumOf(({ sent, refusedByCaller }) => sent + refusedByCaller)
  const allowed = sumOf(({ statuses }) => statuses[0] ?? 0)
  if (allowed !== checks) throw new Error(`${checks - allowed} of ${checks} Checks were not allowed`)
  return { p99: Math.max(...results.map(({ p99Ms }) => p99Ms)), cpu: (seconds / checks) * 1e6 }
}

/** Not a number where the system does not say. */
const secondsOf = (pids: readonly number[]): number =>
  pids.reduce((sum, pid) => sum + (cpuSeconds(pid) ?? Number.NaN), 0)
