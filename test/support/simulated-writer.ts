// The group writer of one replica over the simulated table and network: the raising form, the locked form, and readings.
import type { DatabaseClock } from '../../src/kernel/clock.ts'
import type { RowsRead } from '../../src/quota/charge-plan.ts'
import type { GroupReply, GroupRow, GroupWriter } from '../../src/quota/group-writer.ts'
import type { Packet, SimulatedNetwork } from './simulated-network.ts'
import type { SimulatedTable } from './simulated-table.ts'

/** Rows that a replica was shown: as they were at `point`, asked for at `sentPoint`, in its hands at `shownMs`. */
export type Sighting = Readonly<{ ids: readonly number[]; point: number; sentPoint: number; shownMs: number }>

export type WriterDeps = Readonly<{
  replica: number
  table: SimulatedTable
  network: SimulatedNetwork
  /** Ids whose rows a transaction holds, all replicas'. */
  locks: Set<number>
  clock: DatabaseClock
  databaseNowMs: () => number
  /** The point of the history that was reached. */
  point: () => number
  seen: (sighting: Sighting) => void
}>

export const createSimulatedWriter = (deps: WriterDeps): GroupWriter => {
  const { table, network, locks, clock, databaseNowMs, point, seen } = deps

  const newPacket = (rows: readonly GroupRow[], deadlineMs: number, uncertain: boolean): Packet => ({
    replica: deps.replica,
    deadlineMs,
    rows,
    begun: false,
    uncertain,
    retriable: true,
    refuted: false,
    charged: [],
    told: 'nothing',
  })

  const shown = (read: RowsRead, ids: readonly number[], at: number, sentPoint: number, sentMs: number) => {
    const shownMs = clock.monotonicMs()
    seen({ ids, point: at, sentPoint, shownMs })
    clock.observe(read.nowMs, sentMs, shownMs)
  }

  const charge: GroupWriter['charge'] = (rows, alsoRead, deadlineMs) => {
    assertOrdered(rows)
    const packet = newPacket(rows, deadlineMs, true)
    const ids = rows.map(({ id }) => id)
    const all = [...new Set([...ids, ...alsoRead])]
    const [sentPoint, sentMs] = [point(), clock.monotonicMs()]
    return network.send<GroupReply>({
      packet,
      abandon: () => {},
      *life(answer) {
        yield 'sent'
        packet.begun = true
        const nowMs = databaseNowMs()
        yield 'begun: its clock stands, its locks are not granted'
        while (ids.some((id) => locks.has(id))) yield 'waiting for a lock'
        const there = new Set(table.read(ids).map(({ id }) => id))
        const result = packet.refuted ? 'raised' : table.update(rows, nowMs)
        if (result !== 'raised') packet.charged = rows.filter(({ id }) => there.has(id))
        yield 'done'
        const [read, at] = [readAll(all), point()]
        yield 'read'
        if (result !== 'charged') return answer({ kind: result }, result === 'torn' ? 'torn' : 'done')
        if (packet.told === 'nothing') shown(read, all, at, sentPoint, sentMs)
        return answer({ kind: 'charged', read }, 'done')
      },
    })
  }

  const readAll = (ids: readonly number[]): RowsRead => ({ rows: table.read(ids), nowMs: databaseNowMs() })

  const chargeLocked: GroupWriter['chargeLocked'] = (ids, plan, deadlineMs) => {
    const packet = newPacket([], deadlineMs, false)
    const [sentPoint, sentMs] = [point(), clock.monotonicMs()]
    let holding = false
    const hold = (held: boolean) => {
      holding = held
      for (const id of ids)
        if (held) locks.add(id)
        else locks.delete(id)
    }
    return network.send<GroupReply>({
      packet,
      abandon: () => {
        if (holding) hold(false)
      },
      *life(answer) {
        yield 'sent'
        packet.begun = true
        while (ids.some((id) => locks.has(id))) yield 'waiting for a lock'
        hold(true)
        const read = readAll(ids)
        const lockedAt = point()
        shown(read, ids, lockedAt, sentPoint, sentMs)
        packet.rows = plan(read)
        assertOrdered(packet.rows)
        yield 'planned'
        const nowMs = databaseNowMs()
        const fits = !packet.refuted && table.fits(packet.rows, nowMs)
        if (packet.rows.length === 0 || !fits) {
          hold(false)
          yield 'rolled back'
          if (packet.rows.length > 0) return answer({ kind: 'raised' }, 'done')
          shown(read, ids, lockedAt, sentPoint, sentMs)
          return answer({ kind: 'charged', read }, 'done')
        }
        yield 'updated'
        packet.uncertain = true
        packet.retriable = false
        yield 'committing'
        packet.charged = packet.rows
        table.update(packet.rows, nowMs)
        const committedAt = point()
        hold(false)
        yield 'committed'
        if (packet.told === 'nothing') shown(read, ids, committedAt, sentPoint, sentMs)
        return answer({ kind: 'charged', read }, 'done')
      },
    })
  }

  const read: GroupWriter['read'] = (ids, deadlineMs) => {
    const packet = newPacket([], deadlineMs, false)
    const [sentPoint, sentMs] = [point(), clock.monotonicMs()]
    return network.send<RowsRead>({
      packet,
      abandon: () => {},
      *life(answer) {
        yield 'sent'
        packet.begun = true
        const [rows, at] = [readAll(ids), point()]
        yield 'read'
        if (packet.told === 'nothing') shown(rows, ids, at, sentPoint, sentMs)
        return answer(rows, 'done')
      },
    })
  }

  return { charge, chargeLocked, read }
}

const assertOrdered = (rows: readonly GroupRow[]): void => {
  for (const [at, { id }] of rows.entries())
    if (at > 0 && id <= (rows[at - 1]?.id ?? id)) throw new Error('a group has distinct ids, ascending')
}
