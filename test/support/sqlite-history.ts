// The random histories of the simulated world on real SQLite: two stores on one file, one clock that steps either way.
import { DatabaseSync } from 'node:sqlite'
import { createCall } from '../../src/kernel/call.ts'
import type { DatabaseClock } from '../../src/kernel/clock.ts'
import { Rejection } from '../../src/kernel/failure.ts'
import { SILENT_OBSERVER } from '../../src/quota/charge-observer.ts'
import type { Quota } from '../../src/quota/quota.ts'
import type { ChargeForm } from '../../src/quota/quota-ledger.ts'
import type { Store } from '../../src/store/store.ts'
import { settled, turn } from './loop-turns.ts'
import type { Operation } from './simulated-schedule.ts'
import { SLOTS } from './simulated-schedule.ts'
import { createSimulatedTally } from './simulated-tally.ts'
import type { TestStore } from './stores.ts'
import { chargedQuotas, createKey, lookUp, NOON, openSqliteStore } from './stores.ts'
import { watchRows } from './watched-rows.ts'

export type SqliteHistories = Readonly<{
  /** Carries the operations out on a new key; `wrong` says in sentences what did not hold. */
  run(operations: readonly Operation[]): Promise<SqliteHistory>
  /** Units that were reported as unknown or wasted. */
  lost(): number
  close(): Promise<void>
}>

/** Units. */
export type SqliteHistory = Readonly<{ wrong: readonly string[]; admitted: number; refused: number }>

export const openSqliteHistories = async (chargeForm: ChargeForm): Promise<SqliteHistories> => {
  let lost = 0
  const lose = (units: number) => {
    lost += units
  }
  const clock = createSteppingClock()
  const chargeObserver = { ...SILENT_OBSERVER, unknown: lose, wasted: lose }
  const opened = await openSqliteStore({ clock, chargeForm, chargeObserver })
  await opened.store.migrate()
  const again = await opened.openAgain()
  const file = new DatabaseSync(opened.url.slice('sqlite:'.length))
  // Its own calls would end by another clock.
  const unhurried = { ...opened, newCall: () => createCall(Number.POSITIVE_INFINITY) }
  const setting = { opened: unhurried, stores: [opened.store, again], file, clock }
  return {
    run: (operations) => runHistory(setting, operations),
    lost: () => lost,
    close: async () => {
      file.close()
      await again.close()
      await opened.close()
    },
  }
}

type SteppingClock = DatabaseClock & Readonly<{ advance(byMs: number): void; step(byMs: number): void }>

const createSteppingClock = (): SteppingClock => {
  let elapsedMs = 0
  let offMs = 0
  return {
    now: () => NOON + elapsedMs + offMs,
    monotonicMs: () => elapsedMs,
    observe: () => {},
    advance: (byMs) => {
      elapsedMs += byMs
    },
    step: (byMs) => {
      offMs += byMs
    },
  }
}

type Setting = Readonly<{
  opened: TestStore
  stores: readonly Store[]
  file: DatabaseSync
  clock: SteppingClock
}>

const PATIENCE_MS = 20_000

const runHistory = async (
  { opened, stores, file, clock }: Setting,
  operations: readonly Operation[],
): Promise<SqliteHistory> => {
  const tally = createSimulatedTally()
  const watch = watchRows(file)
  const subject = await createSubject(opened)
  let current = subject.quotas
  const answers: Promise<unknown>[] = []
  const storeAt = (at: number): Store => stores[at % stores.length] ?? opened.store

  const charge = (
    quotas: readonly Quota[],
    { replica, slots, units }: Extract<Operation, { slots: readonly number[] }>,
    patienceMs: number,
  ) => {
    const asked = slots.flatMap((slot) => quotas[slot] ?? [])
    if (asked.length === 0) return
    const call = createCall(clock.monotonicMs() + patienceMs)
    const answer = storeAt(replica).ledger.charge(asked, units, call)
    tally.ask(asked, units, call, answer)
    answers.push(answer.catch(() => {}))
  }

  const cancel = (at: number) => {
    const waiting = tally.asked.filter(({ told }) => told === 'nothing')
    const left = waiting[at % waiting.length]
    if (left !== undefined) left.call.cancelled = true
  }

  const change = async (operation: Extract<Operation, { slot: number }>) => {
    const { limitBook, keyBook } = storeAt(operation.through)
    const limit = subject.limits[operation.slot % subject.limits.length]
    if (limit === undefined) return
    if (operation.kind === 'amount') await limitBook.updateLimit(limit, { amount: operation.amount })
    else if (operation.kind === 'usable') await keyBook.setKeyDisabled(subject.keyId, operation.untilMs === 0)
    else await replace(storeAt(operation.through), limit, operation)
    current = chargedQuotas(await lookUp(opened, subject.digest))
  }

  const replace = async (
    { limitBook }: Store,
    limit: number,
    { how, amount }: Extract<Operation, { kind: 'replace' }>,
  ) => {
    const before = quotaOf(file, limit)
    try {
      await limitBook.updateLimit(limit, { zone: ZONES[amount % ZONES.length] ?? 'UTC', amount })
    } catch (error) {
      // Its subject has a limit in that zone already.
      if (!(error instanceof Rejection)) throw error
    }
    watch.look([{ id: before }])
    // What is retired is deleted one day; whoever still knows it finds nothing.
    if (how === 'delete' && quotaOf(file, limit) !== before)
      file.prepare('DELETE FROM quota WHERE id = ?').run(before)
  }

  const perform = async (operation: Operation) => {
    if (operation.kind === 'charge') charge(current, operation, operation.patienceMs)
    else if (operation.kind === 'charge outdated') charge(subject.quotas, operation, PATIENCE_MS)
    else if (operation.kind === 'cancel') cancel(operation.at)
    else if (operation.kind === 'advance') clock.advance(operation.byMs)
    else if (operation.kind === 'step database clock') clock.step(operation.byMs)
    else if ('slot' in operation) await change(operation)
    await (operation.kind === 'turn' ? turn() : settled())
  }

  for (const operation of operations) {
    watch.look([...subject.quotas, ...current])
    await perform(operation)
  }
  await Promise.all(answers)
  await settled()
  watch.look([...subject.quotas, ...current])
  return {
    wrong: [...tally.violations, ...watch.audit(tally.admitted)],
    admitted: tally.unitsTold('charged'),
    refused: tally.unitsTold('exhausted'),
  }
}

const ZONES = ['UTC', 'Asia/Kolkata', 'America/New_York', 'Europe/Berlin', 'Pacific/Apia', 'Africa/Cairo']

let organisations = 0

/** A key with limits of its own below an organisation with some. Row ids are not in the order of the slots. */
const createSubject = async (opened: TestStore) => {
  organisations += 1
  const ownerPath = `org-${organisations}`
  const limits = SLOTS.map(({ period, zone, amount }) => ({
    unit: 'requests' as const,
    period,
    zone,
    amount,
  }))
  const key = await createKey(opened, { ownerPath, limits: limits.slice(3) })
  const { limitBook } = opened.store
  for (const limit of limits.slice(1, 3)) await limitBook.createLimit(ownerPath, limit)
  const found = await Promise.all([limitBook.listLimits(key.id), limitBook.listLimits(ownerPath)])
  const quotas = chargedQuotas(await lookUp(opened, key.digest))
  return { keyId: key.id, digest: key.digest, quotas, limits: found.flat().map(({ id }) => id) }
}

const quotaOf = (file: DatabaseSync, limit: number): number =>
  Number(file.prepare('SELECT quota_id FROM quota_limit WHERE id = ?').get(limit)?.['quota_id'])
