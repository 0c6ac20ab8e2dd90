// One history of a simulated world: its operations carried out, and what must hold when it has ended.
import type { Quota } from '../../src/quota/quota.ts'
import { FOREVER } from '../../src/quota/quota.ts'
import { settled, turn } from './loop-turns.ts'
import { auditWorld } from './simulated-audit.ts'
import type { Operation } from './simulated-schedule.ts'
import { aSlotsQuota, SLOTS } from './simulated-schedule.ts'
import type { SimulatedWorld } from './simulated-world.ts'
import { createSimulatedWorld } from './simulated-world.ts'

export type History = Readonly<{
  world: SimulatedWorld
  perform(operation: Operation): Promise<void>
  /** Undisturbed, every quota can be used up to its amount, and no further. */
  fill(): Promise<void>
  /** What does not hold, in sentences. */
  audit(): readonly string[]
}>

/** Not in the order of the slots, so that nobody gets away with the order that he was asked in. */
const FIRST_IDS = [5, 3, 8, 1, 7, 2, 6, 4]
const FIRST_NEW_ID = 100
const PATIENCE_MS = 20_000
/** Rows with more room are not filled up: it would take too long. */
const MOST_FILLED = 40

export const beginHistory = (believing: readonly boolean[]): History => {
  const world = createSimulatedWorld(believing)
  const { table, network, tally } = world
  let newestId = FIRST_NEW_ID

  const newQuota = (slot: number, id: number, amount?: number): Quota[] => {
    const plan = SLOTS[slot]
    if (plan === undefined) return []
    const quota = aSlotsQuota(id, { ...plan, amount: amount ?? plan.amount })
    table.insert(id, quota.amount)
    return [quota]
  }
  const first = FIRST_IDS.map((id, slot) => newQuota(slot, id))
  const current = [...first]

  const quotasOf = (among: readonly (readonly Quota[])[], slots: readonly number[]) =>
    slots.flatMap((slot) => among[slot] ?? [])

  const cancel = (at: number) => {
    const waiting = tally.asked.filter(({ told }) => told === 'nothing')
    const charge = waiting[at % waiting.length]
    if (charge !== undefined) charge.call.cancelled = true
  }

  /** A transaction that holds the row holds up whoever would change it. */
  const change = (operation: Extract<Operation, { slot: number }>) => {
    const { slot, through } = operation
    const [quota] = current[slot] ?? []
    if (quota === undefined || world.isLocked(quota.id)) return
    if (operation.kind === 'amount') table.setAmount(quota.id, operation.amount)
    else if (operation.kind === 'usable') {
      const { untilMs } = operation
      const isInstant = untilMs !== 0 && untilMs !== FOREVER
      table.setUsableUntil(quota.id, isInstant ? world.databaseNowMs() + untilMs : untilMs)
    } else {
      if (operation.how === 'retire') table.retire(quota.id)
      else table.delete(quota.id)
      newestId += 1
      current[slot] = newQuota(slot, newestId, operation.amount)
    }
    world.replicas[through]?.doubt()
  }

  const carryOut = (operation: Operation): void => {
    const { kind } = operation
    if (kind === 'charge')
      world.charge(
        operation.replica,
        quotasOf(current, operation.slots),
        operation.units,
        operation.patienceMs,
      )
    else if (kind === 'charge outdated')
      world.charge(operation.replica, quotasOf(first, operation.slots), operation.units, PATIENCE_MS)
    else if (kind === 'cancel') cancel(operation.at)
    else if (kind === 'move') network.move(operation.at, operation.steps)
    else if (kind === 'advance') world.advance(operation.byMs)
    else if (kind === 'step database clock') world.stepDatabaseClock(operation.byMs)
    else if (kind === 'shift replica clock') world.replicas[operation.replica]?.shiftClock(operation.offMs)
    else if ('slot' in operation) change(operation)
    else if (kind !== 'nothing' && kind !== 'turn') network[operation.kind](operation.at)
  }

  const fill = async () => {
    world.agreeOnTime()
    world.advance(1_000)
    const before = tally.asked.length
    const rooms = current.flat().map((quota, at) => {
      const room = table.room(quota.id, world.databaseNowMs())
      if (room > MOST_FILLED) return { quota, room: 0, at }
      for (let n = 0; n < room; n += 1) world.charge(at, [quota], 1, PATIENCE_MS)
      return { quota, room, at }
    })
    await world.drain()
    for (const { quota, room, at } of rooms) if (room > 0) world.charge(at + 1, [quota], 1, PATIENCE_MS)
    await world.drain()
    for (const { quota, room } of rooms.filter(({ room: found }) => found > 0)) {
      const asked = tally.asked.slice(before).filter(({ quotas }) => quotas[0] === quota)
      const admitted = asked.filter(({ told }) => told === 'charged').length
      if (admitted !== room)
        tally.violations.push(`row ${quota.id} had room for ${room} and took ${admitted} of ${room + 1}`)
    }
  }

  return {
    world,
    perform: async (operation) => {
      carryOut(operation)
      await (operation.kind === 'turn' ? turn() : settled())
    },
    fill,
    audit: () => auditWorld(world),
  }
}
