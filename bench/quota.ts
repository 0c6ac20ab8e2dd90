// Charges a second at the ledger's port, in groups and in the direct form, and whether every row says what was admitted.

import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { ChargeForm } from '../src/quota/quota-ledger.ts'
import type { MariadbServer } from '../test/support/mariadb.ts'
import { quantileMs } from './latencies.ts'
import type { Admitted, QuotaLoadResult } from './load-quota.ts'
import type { Holders, QuotaPlans } from './prepare-quotas.ts'
import { prepareQuotas } from './prepare-quotas.ts'
import { runLoads } from './processes.ts'
import type { Spread } from './statistics.ts'
import { spreadOf } from './statistics.ts'

export type QuotaFigure = Readonly<{
  name: string
  direct: FormFigure
  grouped: FormFigure
  /** Grouped over direct, round by round. */
  rateRatio: Spread
  p99Ratio: Spread
}>

export type FormFigure = Readonly<{
  /** Charges a second. */
  rate: Spread
  p50Ms: Spread
  p99Ms: Spread
  /** That the server counted, all rounds together; undefined where there are none by nature. */
  deadlocks: number | undefined
}>

export type QuotaFigures = Readonly<{ mariadb: readonly QuotaFigure[]; sqlite: readonly QuotaFigure[] }>

type Load = Readonly<{ name: string; holders: Holders; inFlight: number; processes: number }>

const FORMS: readonly ChargeForm[] = ['direct', 'grouped']
const WARM_MS = 400
const MEASURE_MS = 1_000

const ONE_KEY: Holders = { keys: 1, teams: 1, onKey: ['total'], onTeam: [], onOrganisation: [] }
const SIX_ROWS: Holders = {
  keys: 100,
  teams: 10,
  onKey: ['minute', 'month'],
  onTeam: ['day', 'month'],
  onOrganisation: ['day', 'month'],
}

const MARIADB_LOADS: readonly Load[] = [
  { name: 'one key, 64 in flight', holders: ONE_KEY, inFlight: 64, processes: 1 },
  { name: '1,000 keys, 512 in flight', holders: { ...ONE_KEY, keys: 1_000 }, inFlight: 512, processes: 1 },
  { name: 'six rows a charge, 64 in flight', holders: SIX_ROWS, inFlight: 64, processes: 1 },
  { name: 'four processes on one key, 64 in flight each', holders: ONE_KEY, inFlight: 64, processes: 4 },
]

const SQLITE_LOADS: readonly Load[] = [1, 16, 256].map((inFlight) => ({
  name: `six rows a charge, ${inFlight} in flight`,
  holders: SIX_ROWS,
  inFlight,
  processes: 1,
}))

/** One load on a store of its own, which both forms charge in turn. */
type Subject = Readonly<{
  load: Load
  url: string
  plans: QuotaPlans
  rows: () => Promise<readonly Row[]>
  deadlocks: (() => Promise<number>) | undefined
  admitted: Map<number, Admitted>
  taken: Readonly<Record<ChargeForm, Taken[]>>
}>

type Row = Readonly<{ id: number; used: number; windowEndMs: number }>
type Taken = Readonly<{ rate: number; p50Ms: number; p99Ms: number; deadlocks: number | undefined }>

export const measureQuotas = async (
  { directory, mariadb, rounds }: Readonly<{ directory: string; mariadb: MariadbServer; rounds: number }>,
  say: (sentence: string) => void,
): Promise<QuotaFigures> => {
  const onMariadb: Subject[] = []
  for (const load of MARIADB_LOADS) onMariadb.push(await mariadbSubject(load, mariadb))
  const onSqlite: Subject[] = []
  for (const load of SQLITE_LOADS)
    onSqlite.push(await sqliteSubject(load, join(directory, `quota-${load.inFlight}.db`)))
  // Round by round, each load in each form once, so that whatever else the machine does meets all of them.
  for (let round = 1; round <= rounds; round += 1) {
    say(`Quotas, round ${round} of ${rounds}`)
    for (const subject of [...onMariadb, ...onSqlite])
      for (const form of FORMS) subject.taken[form].push(await measure(subject, form))
  }
  return { mariadb: onMariadb.map(figureOf), sqlite: onSqlite.map(figureOf) }
}

const mariadbSubject = async (load: Load, server: MariadbServer): Promise<Subject> => {
  const url = await server.freshDatabase()
  const database = new URL(url).pathname.slice(1)
  const deadlocks = async () => {
    const [status] = await server.run("SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'")
    if (status === undefined) throw new Error('the server does not count deadlocks')
    return Number(status['Value'])
  }
  const rows = () => server.run(`SELECT id, used, window_end FROM ${database}.quota`).then(toRows)
  return { ...(await prepared(load, url)), rows, deadlocks }
}

const sqliteSubject = async (load: Load, path: string): Promise<Subject> => {
  const rows = async () => {
    const database = new DatabaseSync(path, { readOnly: true })
    try {
      return toRows(database.prepare('SELECT id, used, window_end FROM quota').all())
    } finally {
      database.close()
    }
  }
  return { ...(await prepared(load, `sqlite:${path}`)), rows, deadlocks: undefined }
}

const prepared = async (load: Load, url: string) => {
  const plans = await prepareQuotas(url, load.holders)
  return { load, url, plans, admitted: new Map(), taken: { direct: [], grouped: [] } }
}

const toRows = (rows: readonly Readonly<Record<string, unknown>>[]): readonly Row[] =>
  rows.map(({ id, used, window_end }) => ({
    id: Number(id),
    used: Number(used),
    windowEndMs: Number(window_end),
  }))

const measure = async (subject: Subject, chargeForm: ChargeForm): Promise<Taken> => {
  const { load, url, plans, deadlocks } = subject
  const before = await deadlocks?.()
  const order = { url, chargeForm, plans, inFlight: load.inFlight, warmMs: WARM_MS, measureMs: MEASURE_MS }
  const loads = Array.from({ length: load.processes }, () => order)
  const results = await runLoads<QuotaLoadResult>('load-quota.ts', loads, undefined)
  const after = await deadlocks?.()
  const counted = before === undefined || after === undefined ? undefined : after - before
  if (chargeForm === 'grouped' && counted !== undefined && counted > 0)
    throw new Error(`${load.name}: ${counted} deadlocks among groups`)
  await assertExact(subject, chargeForm, results)
  const latencies = results.map((result) => result.latencies)
  return {
    rate: results.reduce((sum, { charges, seconds }) => sum + charges / seconds, 0),
    p50Ms: quantileMs(latencies, 0.5),
    p99Ms: quantileMs(latencies, 0.99),
    deadlocks: counted,
  }
}

/** Every row has used in its window what was admitted there: not one unit more or less. */
const assertExact = async (
  { load, rows, admitted }: Subject,
  form: ChargeForm,
  results: readonly QuotaLoadResult[],
): Promise<void> => {
  for (const next of results.flatMap((result) => result.admitted)) {
    const held = admitted.get(next.id)
    if (held === undefined || held.windowEndMs < next.windowEndMs) admitted.set(next.id, next)
    else if (held.windowEndMs === next.windowEndMs)
      admitted.set(next.id, { ...next, units: held.units + next.units })
  }
  for (const { id, used, windowEndMs } of await rows()) {
    const told = admitted.get(id)
    const units = told?.windowEndMs === windowEndMs ? told.units : 0
    if (units !== used)
      throw new Error(`${load.name}, ${form}: ${units} admitted, ${used} charged on row ${id}`)
  }
}

const figureOf = ({ load, taken }: Subject): QuotaFigure => {
  const { direct, grouped } = taken
  const ratios = (of: (one: Taken) => number) =>
    spreadOf(grouped.map((one, at) => of(one) / of(direct[at] ?? one)))
  return {
    name: load.name,
    direct: formFigure(direct),
    grouped: formFigure(grouped),
    rateRatio: ratios(({ rate }) => rate),
    p99Ratio: ratios(({ p99Ms }) => p99Ms),
  }
}

const formFigure = (taken: readonly Taken[]): FormFigure => ({
  rate: spreadOf(taken.map(({ rate }) => rate)),
  p50Ms: spreadOf(taken.map(({ p50Ms }) => p50Ms)),
  p99Ms: spreadOf(taken.map(({ p99Ms }) => p99Ms)),
  deadlocks: taken.reduce<number | undefined>(
    (sum, { deadlocks }) => (deadlocks === undefined ? sum : (sum ?? 0) + deadlocks),
    undefined,
  ),
})
