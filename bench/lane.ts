// The lane beside grpc-js and beside the minimal Go server: Checks a second on one core, processor time, memory, and waiting.
import { readFile } from 'node:fs/promises'
import type { LimitDraft } from '../src/quota/limit-book.ts'
import type { MariadbServer } from '../test/support/mariadb.ts'
import type { Asked } from './asked.ts'
import { CLIENT_CORE, startAsked, stopAsked } from './asked.ts'
import { h2loadVersion, keepAsking } from './keep-asking.ts'
import type { OpenLoad, OpenLoadResult } from './load-open.ts'
import { prepareStore } from './prepare-store.ts'
import { cpuSeconds, pin, residentBytes, runLoad, unpin } from './processes.ts'
import type { Rounds } from './rounds.ts'
import { createRounds } from './rounds.ts'
import type { Spread } from './statistics.ts'

export type LaneFigures = Readonly<{
  /** What asked; undefined: the generator of our own. */
  h2load: string | undefined
  /** Why there is no Go server. */
  withoutGo: string | undefined
  throughput: readonly Readonly<{ name: string; rate: Spread; cpuMicroseconds: Spread }>[]
  memory: readonly Readonly<{ name: string; mib: Spread }>[]
  latency: readonly Readonly<{ name: string; perSecond: number; p50Ms: Spread; p99Ms: Spread }>[]
  ratios: Readonly<{
    unlimitedOverGrpcJs: Spread
    unlimitedOverGo: Spread
    limitedOverGrpcJs: Spread
    memoryOverGrpcJs: Spread
    p99OverGo: Spread
  }>
}>

type Bench = Readonly<{ directory: string; mariadb: MariadbServer; rounds: number }>
type Kind = 'no limit' | 'a limit'
type Subject = Readonly<{ server: Asked; kind: Kind; secret: string; directory: string }>

const PER_SECOND = [500, 2_000] as const
const WARM_MS = 300
const MEASURE_MS = 1_500
const NEVER_REACHED: LimitDraft = { unit: 'requests', period: 'month', zone: 'UTC', amount: 1_000_000_000 }

export const measureLane = async (
  { directory, mariadb, rounds }: Bench,
  say: (sentence: string) => void,
): Promise<LaneFigures> => {
  const url = await mariadb.freshDatabase()
  const [unlimited = '', limited = ''] = await prepareStore(url, { keys: [[], [NEVER_REACHED]] })
  const [{ path: pidPath } = {}] = await mariadb.run('SELECT @@pid_file AS path')
  const mariadbPid = Number(await readFile(String(pidPath), 'utf8'))
  pin(mariadbPid, CLIENT_CORE)
  const { servers, withoutGo } = await startAsked(directory, url)
  try {
    const subjects = servers.flatMap((server): readonly Subject[] => {
      const free: Subject = { server, kind: 'no limit', secret: unlimited, directory }
      return server.name === 'Go' ? [free] : [free, { ...free, kind: 'a limit', secret: limited }]
    })
    const measured = createRounds()
    for (let round = 1; round <= rounds; round += 1) {
      say(`Lane, round ${round} of ${rounds}`)
      for (const subject of subjects) await measureRate(measured, subject)
      for (const perSecond of PER_SECOND)
        for (const server of servers) await measureWait(measured, server, perSecond, unlimited)
    }
    return { h2load: h2loadVersion(), withoutGo, ...figuresOf(measured, subjects) }
  } finally {
    await stopAsked(servers)
    unpin(mariadbPid)
  }
}

const measureRate = async (rounds: Rounds, { server, kind, secret, directory }: Subject): Promise<void> => {
  const { name, address, pid } = server
  const tool = h2loadVersion() === undefined ? 'own' : 'h2load'
  const asking = { address, secret, withId: kind === 'no limit', core: CLIENT_CORE, directory }
  await keepAsking({ ...asking, forMs: WARM_MS }, tool)
  const before = cpuSeconds(pid) ?? Number.NaN
  const { checks, rate } = await keepAsking({ ...asking, forMs: MEASURE_MS }, tool)
  const after = cpuSeconds(pid) ?? Number.NaN
  rounds.add(`${name}, ${kind}: rate`, rate)
  rounds.add(`${name}, ${kind}: cpu`, ((after - before) / checks) * 1e6)
  if (kind === 'no limit') rounds.add(`${name}: memory`, residentBytes(pid) / 2 ** 20)
}

const measureWait = async (
  rounds: Rounds,
  { name, address }: Asked,
  perSecond: number,
  secret: string,
): Promise<void> => {
  // Whoever waits longer than the timeout has waited so long.
  const load: OpenLoad = { address, secret, perSecond, forMs: 2_000, timeoutMs: 1_000, maxInFlight: 1_024 }
  const { statuses, p50Ms, p99Ms } = await runLoad<OpenLoadResult>('load-open.ts', load, CLIENT_CORE)
  const { '0': _allowed, late: _late, ...others } = statuses
  if (Object.keys(others).length > 0)
    throw new Error(`${name}: not every Check was allowed: ${JSON.stringify(statuses)}`)
  rounds.add(`${name}, ${perSecond}: p50`, p50Ms)
  rounds.add(`${name}, ${perSecond}: p99`, p99Ms)
}

const figuresOf = (rounds: Rounds, subjects: readonly Subject[]) => {
  const free = subjects.filter(({ kind }) => kind === 'no limit').map(({ server }) => server.name)
  return {
    throughput: subjects.map(({ server: { name }, kind }) => ({
      name: name === 'Go' ? 'Go, the same answer for all' : `${name}, warm key with ${kind}`,
      rate: rounds.spread(`${name}, ${kind}: rate`),
      cpuMicroseconds: rounds.spread(`${name}, ${kind}: cpu`),
    })),
    memory: free.map((name) => ({ name, mib: rounds.spread(`${name}: memory`) })),
    latency: PER_SECOND.flatMap((perSecond) =>
      free.map((name) => ({
        name,
        perSecond,
        p50Ms: rounds.spread(`${name}, ${perSecond}: p50`),
        p99Ms: rounds.spread(`${name}, ${perSecond}: p99`),
      })),
    ),
    ratios: {
      unlimitedOverGrpcJs: rounds.ratio('lane, no limit: rate', 'grpc-js, no limit: rate'),
      unlimitedOverGo: rounds.ratio('lane, no limit: rate', 'Go, no limit: rate'),
      limitedOverGrpcJs: rounds.ratio('lane, a limit: rate', 'grpc-js, a limit: rate'),
      memoryOverGrpcJs: rounds.ratio('lane: memory', 'grpc-js: memory'),
      p99OverGo: rounds.ratio('lane, 2000: p99', 'Go, 2000: p99'),
    },
  }
}
