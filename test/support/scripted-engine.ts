// A quota engine whose statements go nowhere: the test sees each one and says what came of it.
import type { Call } from '../../src/kernel/call.ts'
import { createCall } from '../../src/kernel/call.ts'
import { Failure } from '../../src/kernel/failure.ts'
import type { ChargeObserver } from '../../src/quota/charge-observer.ts'
import { SILENT_OBSERVER } from '../../src/quota/charge-observer.ts'
import type { QuotaRow, RowsRead } from '../../src/quota/charge-plan.ts'
import { createGroupCommit } from '../../src/quota/group-commit.ts'
import type { GroupReply, GroupRow, GroupWriter } from '../../src/quota/group-writer.ts'
import type { Quota } from '../../src/quota/quota.ts'
import { FOREVER } from '../../src/quota/quota.ts'
import type { ChargeOutcome } from '../../src/quota/quota-ledger.ts'
import { createQuotaView } from '../../src/quota/quota-view.ts'
import { settled, turn } from './loop-turns.ts'
import { createManualClock } from './manual-clock.ts'

/** A statement that was sent and waits for the test to answer it. */
export type SentStatement = Readonly<{
  kind: 'charge' | 'locked' | 'read'
  /** What it charges; empty for a reading, and for a locked one as long as `plan` was not asked. */
  rows: readonly GroupRow[]
  /** Rows to read, and only to read. */
  ids: readonly number[]
  deadlineMs: number
  /** What would be charged of a locked one, were the rows these. */
  plan(rows: readonly QuotaRow[]): readonly GroupRow[]
  /** The answer of a charge that was made, or of a reading. */
  done(rows: readonly QuotaRow[], nowMs?: number): void
  raised(): void
  torn(): void
  /** The reply never comes: a charge's effect is unknown. */
  lost(): void
  unreachable(): void
}>

export type ScriptedCharge = Readonly<{ call: Call; answer: Promise<ChargeOutcome | Failure> }>

export type ScriptedEngine = ReturnType<typeof createScriptedEngine>

export const NOON = Date.UTC(2026, 10, 21, 12, 0, 0)
export const DAY_END = Date.UTC(2026, 10, 22)

/** Untouched, in the day that runs. */
export const aRow = (id: number, more: Partial<QuotaRow> = {}): QuotaRow => ({
  id,
  amount: 100,
  used: 0,
  windowEndMs: DAY_END,
  usableUntilMs: FOREVER,
  ...more,
})

export const createScriptedEngine = ({ queueLimit = 1_000 }: { queueLimit?: number } = {}) => {
  const clock = createManualClock(NOON)
  const view = createQuotaView({ clock, maxRows: 10_000 })
  const sent: SentStatement[] = []
  let seen = 0
  const observer = countingObserver()
  const engine = createGroupCommit({
    writer: scriptedWriter(sent, clock.now),
    view,
    clock,
    observer: observer.observer,
    queueLimit,
  })

  /** All statements that were sent since the last time. */
  const sentSince = async (): Promise<readonly SentStatement[]> => {
    await settled()
    await turn()
    await settled()
    const fresh = sent.slice(seen)
    seen = sent.length
    return fresh
  }

  return {
    clock,
    view,
    counts: observer.counts,
    groups: observer.groups,
    sentSince,
    /** The one statement that is sent next. */
    next: async (): Promise<SentStatement> => {
      const [statement, ...more] = await sentSince()
      if (statement === undefined || more.length > 0)
        throw new Error(`${1 + more.length} statements and not one`)
      return statement
    },
    /** As if the rows had just been read. */
    know: (...rows: readonly QuotaRow[]) =>
      view.learn(
        rows.map(({ id }) => id),
        { rows, nowMs: clock.now() },
        view.era(),
      ),
    charge: (quotas: readonly Quota[], units = 1, patienceMs = 20_000): ScriptedCharge => {
      const call = createCall(clock.monotonicMs() + patienceMs)
      const answer = engine.charge(quotas, units, call).catch((error: unknown) => {
        if (error instanceof Failure) return error
        throw error
      })
      return { call, answer }
    },
  }
}

const scriptedWriter = (sent: SentStatement[], now: () => number): GroupWriter => {
  const send = <Reply>(
    statement: Pick<SentStatement, 'kind' | 'rows' | 'ids' | 'deadlineMs'>,
    answer: (read: RowsRead) => Reply,
    other: Partial<Pick<SentStatement, 'plan'>> & { fail?: (reply: GroupReply) => Reply } = {},
  ): Promise<Reply> => {
    const { promise, resolve, reject } = Promise.withResolvers<Reply>()
    const end = (reply: GroupReply) => {
      if (other.fail === undefined) throw new Error('a reading neither raises nor tears')
      resolve(other.fail(reply))
    }
    const chargeUnknown = statement.kind !== 'read'
    sent.push({
      plan: () => [],
      ...statement,
      ...other,
      done: (rows, nowMs = now()) => resolve(answer({ rows, nowMs })),
      raised: () => end({ kind: 'raised' }),
      torn: () => end({ kind: 'torn' }),
      lost: () => reject(new Failure('store_unavailable', 'the reply was lost', { chargeUnknown })),
      unreachable: () => reject(new Failure('store_unavailable', 'nobody answers')),
    })
    return promise
  }
  const charged = (read: RowsRead): GroupReply => ({ kind: 'charged', read })
  const fail = (reply: GroupReply) => reply
  return {
    charge: (rows, ids, deadlineMs) => send({ kind: 'charge', rows, ids, deadlineMs }, charged, { fail }),
    chargeLocked: (ids, plan, deadlineMs) =>
      send({ kind: 'locked', rows: [], ids, deadlineMs }, charged, {
        fail,
        plan: (rows) => plan({ rows, nowMs: now() }),
      }),
    read: (ids, deadlineMs) => send({ kind: 'read', rows: [], ids, deadlineMs }, (read) => read),
  }
}

const countingObserver = () => {
  const counts = { raised: 0, unknown: 0, wasted: 0, answered: 0, answeredMs: 0 }
  const groups: { charges: number; rows: number; form: string }[] = []
  const observer: ChargeObserver = {
    ...SILENT_OBSERVER,
    group: ({ charges, rows, form }) => groups.push({ charges, rows, form }),
    answered: (durationMs) => {
      counts.answered += 1
      counts.answeredMs = durationMs
    },
    raised: () => {
      counts.raised += 1
    },
    unknown: (units) => {
      counts.unknown += units
    },
    wasted: (units) => {
      counts.wasted += units
    },
  }
  return { observer, counts, groups }
}
