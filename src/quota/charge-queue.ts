// Charges that wait for the next statement, in order of arrival, and the choice of those that it carries.
import { assertAwaited } from '../kernel/call.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Waiter } from './group.ts'
import { Group, MAX_GROUP_ROWS } from './group.ts'
import type { QuotaView } from './quota-view.ts'

type Deps = Readonly<{ view: QuotaView; clock: Clock }>

/** `toRead`: rows that must be read before those who wait for them can be judged. */
export type Taken = Readonly<{ group: Group; toRead: ReadonlySet<number> }>

export class ChargeQueue {
  readonly #deps: Deps
  #waiting: readonly Waiter[] = []
  #arrived: Waiter[] = []

  constructor(deps: Deps) {
    this.#deps = deps
  }

  get size(): number {
    return this.#waiting.length + this.#arrived.length
  }

  get waiters(): readonly Waiter[] {
    return [...this.#waiting, ...this.#arrived]
  }

  push(waiter: Waiter): void {
    this.#arrived.push(waiter)
  }

  /** Refuses, drops whom nobody waits for, grants what fits by the view, and leaves the rest. */
  take(nowMs: number): Taken {
    const group = new Group()
    const toRead = new Set<number>()
    const left: Waiter[] = []
    const waiters = this.waiters
    this.#arrived = []
    let at = 0
    for (const waiter of waiters) {
      if (!this.#serve(waiter, nowMs, group, toRead, left)) break
      at += 1
    }
    this.#waiting = at === waiters.length ? left : [...left, ...waiters.slice(at)]
    return { group, toRead }
  }

  /** False when the group is full: nobody behind this one is served before it. */
  #serve(waiter: Waiter, nowMs: number, group: Group, toRead: Set<number>, left: Waiter[]): boolean {
    const { view, clock } = this.#deps
    try {
      assertAwaited(waiter.call, clock)
      const verdict = view.judge(waiter.quotas, waiter.units, nowMs, group.taken)
      if (typeof verdict === 'object') waiter.settle(verdict)
      else if (verdict === 'fits') {
        if (!group.hasRoomFor(waiter)) return false
        group.grant(waiter, view.get, nowMs)
      } else {
        left.push(waiter)
        if (verdict === 'unread' && toRead.size < MAX_GROUP_ROWS)
          for (const { id } of waiter.quotas) toRead.add(id)
      }
    } catch (error) {
      // Its caller left, its time is over, or a zone of its windows is unknown here: it alone is told, and charged nothing.
      waiter.fail(error)
    }
    return true
  }

  /** What of a group fits by a view that is newer than the one it was made with. The others are left as they are. */
  planAgain(waiters: readonly Waiter[], nowMs: number): Group {
    const { view, clock } = this.#deps
    const group = new Group()
    for (const waiter of waiters) {
      const { quotas, units, call } = waiter
      if (call.cancelled || clock.monotonicMs() >= call.deadlineMs) continue
      if (view.judge(quotas, units, nowMs, group.taken) === 'fits') group.grant(waiter, view.get, nowMs)
    }
    return group
  }

  /** At the head, in their order, to be judged by the next view; without those that were served. */
  putBack(waiters: readonly Waiter[], served?: Group): void {
    const done = new Set(served?.waiters)
    this.#waiting = [...waiters.filter((waiter) => !done.has(waiter)), ...this.#waiting]
  }

  failAll(error: unknown): void {
    for (const waiter of this.waiters) waiter.fail(error)
    this.#waiting = []
    this.#arrived = []
  }
}
