// Many charges, one statement in flight: whoever arrives while it runs waits for the next one, and they go together.
import { context, ROOT_CONTEXT } from '@opentelemetry/api'
import type { Call } from '../kernel/call.ts'
import type { Clock } from '../kernel/clock.ts'
import { Failure, isChargeUnknown } from '../kernel/failure.ts'
import type { ChargeObserver } from './charge-observer.ts'
import type { RowsRead } from './charge-plan.ts'
import { ChargeQueue } from './charge-queue.ts'
import type { Waiter } from './group.ts'
import { Group, wantedUntilMs } from './group.ts'
import { withGroupSpan } from './group-span.ts'
import type { GroupReply, GroupWriter } from './group-writer.ts'
import type { Quota } from './quota.ts'
import type { ChargeOutcome, QuotaLedger } from './quota-ledger.ts'
import type { QuotaView } from './quota-view.ts'

export type GroupCommitDeps = Readonly<{
  writer: GroupWriter
  view: QuotaView
  clock: Clock
  observer: ChargeObserver
  /** Charges that may wait; one more is refused as overload. */
  queueLimit: number
}>

/** The ledger's promises are kept by the writer's guard, whatever the view says. The caller checks the arguments. */
export type GroupCommit = Pick<QuotaLedger, 'charge'>

/** Of a statement, whoever waits for it: longer than a lock may be waited for, and than a commit takes on a busy disk. */
const STATEMENT_TIMEOUT_MS = 3_000
/** From the second raise in a row on, rows are locked before they are planned. */
const LOCKED_AFTER_RAISES = 2
const MAX_RAISES = 10

export const createGroupCommit = (deps: GroupCommitDeps): GroupCommit => {
  const committer = new GroupCommitter(deps)
  return { charge: (quotas, units, call) => committer.charge(quotas, units, call) }
}

class GroupCommitter {
  readonly #deps: GroupCommitDeps
  readonly #queue: ChargeQueue
  #running = false
  /** In a row, the last group's included. */
  #raises = 0
  /** The database's clock as it came with rows that are planned next, and only next: nearer than any estimate. */
  #readAtMs: number | undefined

  constructor(deps: GroupCommitDeps) {
    this.#deps = deps
    this.#queue = new ChargeQueue(deps)
  }

  charge(quotas: readonly Quota[], units: number, call: Call): Promise<ChargeOutcome> {
    const { view, clock, queueLimit } = this.#deps
    const verdict = view.judge(quotas, units, clock.now())
    if (typeof verdict === 'object') return Promise.resolve(verdict)
    if (this.#queue.size >= queueLimit)
      return Promise.reject(
        new Failure('overloaded', `${this.#queue.size} charges wait for the database already`),
      )
    return new Promise((settle, fail) => {
      const asked = { context: context.active(), askedMs: clock.monotonicMs(), settle, fail }
      this.#queue.push({ quotas, units, call, ...asked })
      if (this.#running) return
      this.#running = true
      // Not in the context of whoever happens to come first.
      context.with(ROOT_CONTEXT, () => void this.#run())
    })
  }

  async #run(): Promise<void> {
    while (this.#queue.size > 0) {
      // All that arrives in this turn of the loop goes together, and whoever was just answered may ask again.
      await new Promise<void>((resolve) => setImmediate(resolve))
      const { group, toRead } = this.#queue.take(this.#readAtMs ?? this.#deps.clock.now())
      this.#readAtMs = undefined
      try {
        if (!group.isEmpty) await this.#charge(group, toRead)
        else if (toRead.size > 0) await this.#read(this.#queue.waiters, toRead)
      } catch (error) {
        this.#fail(group, error)
      }
    }
    this.#running = false
    this.#readAtMs = undefined
  }

  async #charge(group: Group, toRead: ReadonlySet<number>): Promise<void> {
    const { view, writer, observer } = this.#deps
    if (this.#raises >= LOCKED_AFTER_RAISES) return this.#chargeLocked(group)
    const { rows, ids, waiters } = group
    const era = view.era()
    const beganMs = this.#count(waiters)
    const reply = await withGroupSpan(waiters, rows.length, () =>
      writer.charge(rows, [...toRead], this.#deadlineMs(), () => wantedUntilMs(waiters)),
    )
    if (reply.kind === 'charged') {
      view.learn([...ids, ...toRead], reply.read, era)
      this.#settle(group, 'raising', beganMs)
    } else if (reply.kind === 'torn') {
      this.#raises = 0
      view.forget(ids)
      observer.wasted(group.units)
      for (const waiter of waiters) waiter.settle({ outcome: 'stale' })
    } else await this.#raised(group, toRead)
  }

  /** Nothing changed: as long as a statement can be hoped for, read what was wrong and plan again, else under locks. */
  async #raised(group: Group, toRead: ReadonlySet<number>): Promise<void> {
    this.#raises += 1
    this.#deps.observer.raised()
    if (this.#raises >= MAX_RAISES) {
      this.#raises = 0
      throw new Failure('overloaded', 'the rows of this charge kept changing')
    }
    if (this.#raises < LOCKED_AFTER_RAISES)
      await this.#read(group.waiters, new Set([...group.ids, ...toRead]))
    this.#queue.putBack(group.waiters)
  }

  async #chargeLocked(group: Group): Promise<void> {
    const { view, writer } = this.#deps
    const { ids, waiters } = group
    const era = view.era()
    const beganMs = this.#count(waiters)
    let planned = new Group()
    let reply: GroupReply
    const plan = (read: RowsRead) => {
      view.learn(ids, read, era)
      planned = this.#queue.planAgain(waiters, read.nowMs)
      return planned.rows
    }
    try {
      reply = await withGroupSpan(waiters, ids.length, () =>
        writer.chargeLocked(ids, plan, this.#deadlineMs(), () => wantedUntilMs(waiters)),
      )
    } catch (error) {
      // Of a lost COMMIT only those are unknown who were in it.
      if (!isChargeUnknown(error)) throw error
      this.#fail(planned, error)
      this.#queue.putBack(waiters, planned)
      return
    }
    if (reply.kind !== 'charged') return this.#raised(group, new Set())
    const { rows, nowMs } = reply.read
    view.learn(ids, { rows: rows.map(planned.rowAfter), nowMs }, era)
    this.#readAtMs = nowMs
    this.#settle(planned, 'locked', beganMs)
    this.#queue.putBack(waiters, planned)
  }

  async #read(waiters: readonly Waiter[], ids: ReadonlySet<number>): Promise<void> {
    const { view, writer } = this.#deps
    const era = view.era()
    for (const { call, quotas } of waiters) if (quotas.some(({ id }) => ids.has(id))) call.storeReads += 1
    const first = waiters[0]?.context ?? ROOT_CONTEXT
    const read = await context.with(first, () => writer.read([...ids], this.#deadlineMs()))
    view.learn(ids, read, era)
    this.#readAtMs = read.nowMs
  }

  #settle(group: Group, form: 'raising' | 'locked', beganMs: number): void {
    const { view, clock, observer } = this.#deps
    this.#raises = 0
    if (group.isEmpty) return
    const { waiters, ids, firstAskedMs } = group
    observer.answered(clock.monotonicMs() - firstAskedMs)
    observer.group({
      charges: waiters.length,
      rows: ids.length,
      durationMs: clock.monotonicMs() - beganMs,
      form,
    })
    group.settle(view.get)
  }

  /** What is unknown concerns the group alone; a database that cannot be reached, everybody who waits for it. */
  #fail(group: Group, error: unknown): void {
    for (const waiter of group.waiters) waiter.fail(error)
    if (isChargeUnknown(error)) this.#deps.observer.unknown(group.units)
    else if (!(error instanceof Failure && error.reason === 'overloaded')) this.#queue.failAll(error)
  }

  /** Monotonic milliseconds at which the statement of these is sent. */
  #count(waiters: readonly Waiter[]): number {
    for (const { call } of waiters) call.storeWrites += 1
    return this.#deps.clock.monotonicMs()
  }

  #deadlineMs(): number {
    return this.#deps.clock.monotonicMs() + STATEMENT_TIMEOUT_MS
  }
}
