// What a Check costs with two workers beside what it costs with one process: processor time of all of them, the supervisor too.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { LimitDraft } from '../src/quota/limit-book.ts'
import type { MariadbServer } from '../test/support/mariadb.ts'
import type { Replica } from '../test/support/replicas.ts'
import { startReplica } from '../test/support/replicas.ts'
import type { Workers } from '../test/support/workers-rig.ts'
import { startWorkers } from '../test/support/workers-rig.ts'
import type { CheckLoadResult } from './load-checks.ts'
import { prepareStore } from './prepare-store.ts'
import { cpuSeconds, residentBytes, runLoads } from './processes.ts'
import { createRounds } from './rounds.ts'
import type { Spread } from './statistics.ts'

export type WorkersFigures = Readonly<{
  /** Microseconds of processor time for one Check, and two workers over one process, round by round. */
  cpu: readonly Readonly<{ name: string; one: Spread; two: Spread; ratio: Spread }>[]
  /** Checks a second. */
  rate: readonly Readonly<{ name: string; one: Spread; two: Spread }>[]
  supervisorMib: number
}>

type Bench = Readonly<{ directory: string; mariadb: MariadbServer; rounds: number }>

/** Each server is asked at each of its addresses by a process of its own. */
type Server = Readonly<{ name: 'one' | 'two'; addresses: readonly string[]; pids: readonly number[] }>

const NEVER_REACHED: LimitDraft = { unit: 'requests', period: 'month', zone: 'UTC', amount: 1_000_000_000 }
const KINDS = ['no limit', 'a limit'] as const
const IN_FLIGHT = 128
const WARM_MS = 300
const MEASURE_MS = 1_500
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
    for (let round = 1; round <= rounds; round += 1) {
      say(`Workers, round ${round} of ${rounds}`)
      for (const [index, kind] of KINDS.entries())
        for (const server of servers) {
          const { rate, cpu } = await measure(server, secrets[index] ?? '')
          measured.add(`${server.name}, ${kind}: rate`, rate)
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
      rate: KINDS.map((name) => ({ name, ...both(name, 'rate') })),
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
): Promise<Readonly<{ rate: number; cpu: number }>> => {
  const loads = addresses.map((address) => ({
    address,
    secret,
    inFlight: IN_FLIGHT,
    warmMs: WARM_MS,
    measureMs: MEASURE_MS,
  }))
  const before = secondsOf(pids)
  const results = await runLoads<CheckLoadResult>('load-checks.ts', loads, undefined)
  const seconds = secondsOf(pids) - before
  const sumOf = (told: (result: CheckLoadResult) => number) =>
    results.reduce((sum, result) => sum + told(result), 0)
  const checks = sumOf(({ warm, measured }) => warm.checks + measured.checks)
  const allowed = sumOf(({ warm, measured }) => (warm.statuses[0] ?? 0) + (measured.statuses[0] ?? 0))
  if (allowed !== checks) throw new Error(`${checks - allowed} of ${checks} Checks were not allowed`)
  return {
    rate: sumOf(({ measured }) => measured.checks / measured.seconds),
    cpu: (seconds / checks) * 1e6,
  }
}

/** Not a number where the system does not say. */
const secondsOf = (pids: readonly number[]): number =>
  pids.reduce((sum, pid) => sum + (cpuSeconds(pid) ?? Number.NaN), 0)
