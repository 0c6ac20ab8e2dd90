// Checks answered in a second by Latchkey on one core, asked over gRPC on a socket file.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { LimitDraft } from '../src/quota/limit-book.ts'
import type { MariadbServer } from '../test/support/mariadb.ts'
import type { Replica } from '../test/support/replicas.ts'
import { startReplica } from '../test/support/replicas.ts'
import type { CheckLoadResult } from './load-checks.ts'
import { prepareStore } from './prepare-store.ts'
import { cpuSeconds, pin, runLoad, unpin } from './processes.ts'
import type { Spread } from './statistics.ts'
import { spreadOf } from './statistics.ts'

export type CheckFigure = Readonly<{
  name: string
  /** Checks a second. */
  rate: Spread
  /** Microseconds of processor time that Latchkey spent on one Check; not a number where the system does not say. */
  cpuMicroseconds: Spread
}>

/** A warm key with a limit over one without, round by round. */
export type LimitFigure = Readonly<{ store: string; rateRatio: Spread; cpuRatio: Spread }>

export type CheckFigures = Readonly<{ checks: readonly CheckFigure[]; limited: readonly LimitFigure[] }>

type Taken = Readonly<{ rate: number; cpu: number }>

type Subject = Readonly<{
  store: string
  kind: string
  address: string
  pid: number
  secret: string | undefined
  /** The gRPC status that every answer must have. */
  status: number
}>

/** Enough that no core waits for a disk: some of them are asked while others wait for their commit. */
const IN_FLIGHT = 256
const SERVER_CORE = 0
const CLIENT_CORE = 1
const NEVER_REACHED: LimitDraft = { unit: 'requests', period: 'month', zone: 'UTC', amount: 1_000_000_000 }
const WITHOUT_LIMIT = 'warm key without a limit'
const WITH_LIMIT = 'warm key with a limit'
const OK = 0
const UNAUTHENTICATED = 16

export const measureChecks = async (
  { directory, mariadb, rounds }: Readonly<{ directory: string; mariadb: MariadbServer; rounds: number }>,
  say: (sentence: string) => void,
): Promise<CheckFigures> => {
  const stores = [
    { store: 'SQLite', url: `sqlite:${join(directory, 'checks.db')}` },
    { store: 'MariaDB', url: await mariadb.freshDatabase() },
  ]
  const [{ path: pidPath } = {}] = await mariadb.run('SELECT @@pid_file AS path')
  const mariadbPid = Number(await readFile(String(pidPath), 'utf8'))
  // A server that runs where it is woken takes its time from whoever sent it a statement.
  pin(mariadbPid, CLIENT_CORE)
  const servers: Replica[] = []
  try {
    const subjects: Subject[] = []
    for (const { store, url } of stores) {
      const [unlimited = '', limited = ''] = await prepareStore(url, { keys: [[], [NEVER_REACHED]] })
      const server = await startReplica(directory, store, url, { LATCHKEY_DRAIN_DELAY: '0ms' })
      servers.push(server)
      const { pid = 0 } = server.process
      pin(pid, SERVER_CORE)
      subjects.push(...subjectsOf(store, { address: server.address, pid }, { unlimited, limited }))
    }
    return await measure(subjects, rounds, say)
  } finally {
    for (const server of servers) await server.stop()
    unpin(mariadbPid)
  }
}

/** With and without a limit stand side by side, asked of one process: all that differs is the limit. */
const subjectsOf = (
  store: string,
  server: Readonly<{ address: string; pid: number }>,
  keys: Readonly<{ unlimited: string; limited: string }>,
): readonly Subject[] => {
  const warm = (kind: string, secret: string) => ({ store, kind, ...server, secret, status: OK })
  const refused = (kind: string, secret: string | undefined) => ({
    store,
    kind,
    ...server,
    secret,
    status: UNAUTHENTICATED,
  })
  const subjects = [
    warm(WITHOUT_LIMIT, keys.unlimited),
    warm(WITH_LIMIT, keys.limited),
    refused('unknown key, a new one each time', undefined),
  ]
  // No store is asked for it, so one stands for both.
  if (store === 'SQLite') subjects.push(refused('malformed key', `${keys.limited.slice(0, -1)}!`))
  return subjects
}

/** Round by round, each subject once in each, so that whatever else the machine does meets all of them. */
const measure = async (
  subjects: readonly Subject[],
  rounds: number,
  say: (sentence: string) => void,
): Promise<CheckFigures> => {
  const taken = new Map(subjects.map((subject): [Subject, Taken[]] => [subject, []]))
  for (let round = 1; round <= rounds; round += 1) {
    say(`Checks, round ${round} of ${rounds}`)
    for (const [subject, one] of taken) {
      const before = cpuSeconds(subject.pid)
      const { warm, measured } = await load(subject)
      const after = cpuSeconds(subject.pid)
      const seconds = before === undefined || after === undefined ? Number.NaN : after - before
      one.push({
        rate: measured.checks / measured.seconds,
        cpu: (seconds / (warm.checks + measured.checks)) * 1e6,
      })
    }
  }
  const figures = [...taken].map(([{ store, kind }, all]) => {
    const name = kind === 'malformed key' ? kind : `${kind}, ${store}`
    return {
      name,
      rate: spreadOf(all.map(({ rate }) => rate)),
      cpuMicroseconds: spreadOf(all.map(({ cpu }) => cpu)),
    }
  })
  const limited = subjects
    .filter(({ kind }) => kind === WITH_LIMIT)
    .map((subject) => {
      const without = subjects.find(({ store, kind }) => store === subject.store && kind === WITHOUT_LIMIT)
      return limitFigure(subject.store, taken.get(subject) ?? [], (without && taken.get(without)) ?? [])
    })
  // What belongs together stands together in the table: by name, and the fastest happens to come first.
  return { checks: figures.toSorted((a, b) => b.name.localeCompare(a.name)), limited }
}

const limitFigure = (store: string, limited: readonly Taken[], unlimited: readonly Taken[]): LimitFigure => {
  const ratio = (of: (one: Taken) => number) =>
    spreadOf(limited.map((one, at) => of(one) / of(unlimited[at] ?? one)))
  return { store, rateRatio: ratio(({ rate }) => rate), cpuRatio: ratio(({ cpu }) => cpu) }
}

const load = async ({ store, kind, address, secret, status }: Subject): Promise<CheckLoadResult> => {
  const result = await runLoad<CheckLoadResult>(
    'load-checks.ts',
    { address, secret, inFlight: IN_FLIGHT, warmMs: 400, measureMs: 1_500 },
    CLIENT_CORE,
  )
  const other = Object.keys(result.measured.statuses).filter((found) => found !== `${status}`)
  if (other.length > 0)
    throw new Error(`${kind}, ${store}: answers of status ${other.join(', ')} in place of ${status}`)
  return result
}
