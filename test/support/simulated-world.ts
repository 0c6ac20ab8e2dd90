// Replicas of the quota engine over one simulated table: what they told whom is held against what happened.
import { createCall } from '../../src/kernel/call.ts'
import type { DatabaseClock } from '../../src/kernel/clock.ts'
import { SILENT_OBSERVER } from '../../src/quota/charge-observer.ts'
import type { GroupCommit } from '../../src/quota/group-commit.ts'
import { createGroupCommit } from '../../src/quota/group-commit.ts'
import type { Quota } from '../../src/quota/quota.ts'
import type { QuotaView } from '../../src/quota/quota-view.ts'
import { createQuotaView } from '../../src/quota/quota-view.ts'
import { settled, turn } from './loop-turns.ts'
import type { SimulatedNetwork } from './simulated-network.ts'
import { createSimulatedNetwork } from './simulated-network.ts'
import type { SimulatedTable } from './simulated-table.ts'
import { createSimulatedTable } from './simulated-table.ts'
import type { AskedCharge, SimulatedTally } from './simulated-tally.ts'
import { createSimulatedTally } from './simulated-tally.ts'
import type { Sighting } from './simulated-writer.ts'
import { createSimulatedWriter } from './simulated-writer.ts'

export type Replica = Readonly<{
  commit: GroupCommit
  view: QuotaView
  clock: DatabaseClock
  /** Its estimate of the database's clock is wrong from now on. */
  shiftClock(offMs: number): void
  sightings: readonly Sighting[]
  /** A change was made through this very replica. */
  doubt(): void
  doubtedAt(): number
}>

export type SimulatedWorld = Readonly<{
  table: SimulatedTable
  network: SimulatedNetwork
  tally: SimulatedTally
  replicas: readonly Replica[]
  /** Units, of the observers of all replicas. */
  observed: {
    unknown: number
    wasted: number
    raised: number
    groups: number
    locked: number
    answered: number
  }
  databaseNowMs(): number
  stepDatabaseClock(byMs: number): void
  advance(byMs: number): void
  /** From now on all clocks are right. */
  agreeOnTime(): void
  isLocked(id: number): boolean
  charge(replica: number, quotas: readonly Quota[], units: number, patienceMs: number): void
  /** Whatever is on its way arrives, in order, until nobody waits any more. */
  drain(): Promise<void>
}>

const NOON = Date.UTC(2026, 10, 21, 12, 0, 0)
const BELIEVED_MS = 1_000
const QUEUE_LIMIT = 300
const MOST_ROUNDS = 2_000

/** `believing`: for each replica, whether its clock follows what the database says of the time. */
export const createSimulatedWorld = (believing: readonly boolean[]): SimulatedWorld => {
  let elapsedMs = 0
  let databaseOffMs = 0
  let lastPoint = 0
  const nextPoint = () => {
    lastPoint += 1
    return lastPoint
  }
  const databaseNowMs = () => NOON + elapsedMs + databaseOffMs
  const locks = new Set<number>()
  const table = createSimulatedTable(nextPoint)
  const network = createSimulatedNetwork()
  const tally = createSimulatedTally()
  const observed = { unknown: 0, wasted: 0, raised: 0, groups: 0, locked: 0, answered: 0 }
  const observer = {
    ...SILENT_OBSERVER,
    unknown: (units: number) => {
      observed.unknown += units
    },
    wasted: (units: number) => {
      observed.wasted += units
    },
    raised: () => {
      observed.raised += 1
    },
    group: ({ form }: { form: 'raising' | 'locked' }) => {
      observed[form === 'locked' ? 'locked' : 'groups'] += 1
    },
    answered: () => {
      observed.answered += 1
    },
  }

  const openReplica = (believes: boolean, replica: number): Replica => {
    let offMs = 0
    let doubted = 0
    const sightings: Sighting[] = []
    const monotonicMs = () => elapsedMs + replica * 777
    const clock: DatabaseClock = {
      now: () => NOON + elapsedMs + offMs,
      monotonicMs,
      observe: (nowMs, sentMs, receivedMs) => {
        if (believes) offMs = Math.round(nowMs - (sentMs + receivedMs) / 2 + monotonicMs() - elapsedMs - NOON)
      },
    }
    const view = createQuotaView({ clock, maxRows: 1_000 })
    const seen = (sighting: Sighting) => sightings.push(sighting)
    const point = () => lastPoint
    const deps = { replica, table, network, locks, clock, databaseNowMs, point, seen }
    const writer = createSimulatedWriter(deps)
    return {
      commit: createGroupCommit({ writer, view, clock, observer, queueLimit: QUEUE_LIMIT }),
      view,
      clock,
      shiftClock: (byMs) => {
        offMs = byMs
      },
      sightings,
      doubt: () => {
        doubted = nextPoint()
        view.doubt()
      },
      doubtedAt: () => doubted,
    }
  }
  const replicas = believing.map(openReplica)

  /** A refusal rests on rows that were shown less than a second ago, asked for after the last change that it knows of. */
  const check = (replica: Replica, charge: AskedCharge) => {
    const { told, quotas, units, call } = charge
    const nowMs = replica.clock.monotonicMs()
    if (told === 'deadline_exceeded' && !call.cancelled && nowMs < call.deadlineMs)
      tally.violations.push('dropped although somebody waited')
    if (told !== 'exhausted' && told !== 'stale') return
    const believed = replica.sightings.filter(
      ({ shownMs, sentPoint }) => nowMs - shownMs < BELIEVED_MS && sentPoint >= replica.doubtedAt(),
    )
    const isReason = (id: number, point: number) =>
      told === 'exhausted' ? table.wasShortOf(units, id, point) : table.wasUnusable(id, point)
    const justified = believed.some(({ ids, point }) =>
      quotas.some(({ id }) => ids.includes(id) && isReason(id, point)),
    )
    const isShown = quotas.every(({ id }) => believed.some(({ ids }) => ids.includes(id)))
    if (told === 'exhausted' && !isShown) tally.violations.push('told the state of a row that was not read')
    const torn = network.journal.some(
      (packet) => packet.told === 'torn' && packet.rows.some(({ id }) => quotas.some((q) => q.id === id)),
    )
    if (!justified && !(told === 'stale' && torn)) tally.violations.push(`told ${told} without a reason`)
  }

  const drain = async () => {
    for (let round = 0; round < MOST_ROUNDS; round += 1) {
      await turn()
      if (network.size === 0 && tally.isEverybodyTold()) return
      network.moveAll()
      await settled()
    }
    tally.violations.push('somebody waits for ever')
  }

  return {
    table,
    network,
    tally,
    replicas,
    observed,
    databaseNowMs,
    stepDatabaseClock: (byMs) => {
      databaseOffMs += byMs
    },
    advance: (byMs) => {
      elapsedMs += byMs
      network.expire((replica) => replicas[replica]?.clock.monotonicMs() ?? 0)
    },
    agreeOnTime: () => {
      for (const replica of replicas) replica.shiftClock(databaseOffMs)
    },
    isLocked: (id) => locks.has(id),
    charge: (at, quotas, units, patienceMs) => {
      const replica = replicas[at % replicas.length]
      if (replica === undefined) throw new Error('there is no replica')
      const call = createCall(replica.clock.monotonicMs() + patienceMs)
      const answer = replica.commit.charge(quotas, units, call)
      tally.ask(quotas, units, call, answer, (charge) => check(replica, charge))
    },
    drain,
  }
}
