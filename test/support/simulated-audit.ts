// What must hold when a history of a simulated world has ended: what was told against what was charged.
import { windowName } from './simulated-table.ts'
import type { SimulatedWorld } from './simulated-world.ts'

/** What does not hold, in sentences. */
export const auditWorld = (world: SimulatedWorld): readonly string[] => [
  ...world.table.violations,
  ...world.tally.violations,
  ...auditWindows(world),
  ...auditLosses(world),
  ...auditAnswers(world),
]

/** Nothing is over, nothing is lost but with a statement whose reply was lost or that found a row gone. */
const auditWindows = ({ table, network, tally }: SimulatedWorld): readonly string[] => {
  const lost = new Map<string, number>()
  for (const { told, charged } of network.journal)
    if (told === 'unknown' || told === 'torn')
      for (const { id, units, windowEndMs } of charged) add(lost, windowName(id, windowEndMs), units)
  const wrong: string[] = []
  for (const [name, { charged, most }] of table.windows) {
    const admitted = tally.admitted.get(name) ?? 0
    const unused = lost.get(name) ?? 0
    if (admitted > charged) wrong.push(`${name}: ${admitted} admitted, ${charged} charged`)
    if (charged > most) wrong.push(`${name}: ${charged} charged of ${most}`)
    if (admitted + unused !== charged)
      wrong.push(`${name}: of ${charged} charged ${admitted} admitted, ${unused} lost`)
  }
  for (const name of tally.admitted.keys()) if (!table.windows.has(name)) wrong.push(`${name}: never charged`)
  return wrong
}

/** Of each row, what was charged and not admitted is no more than what was reported as unknown or wasted. */
const auditLosses = ({ table, tally, observed }: SimulatedWorld): readonly string[] => {
  const lost = new Map<number, number>()
  for (const [name, { id, charged }] of table.windows)
    add(lost, id, charged - (tally.admitted.get(name) ?? 0))
  return [...lost].flatMap(([id, units]) =>
    units > observed.unknown + observed.wasted ? [`row ${id}: ${units} lost and not reported`] : [],
  )
}

/** Those and only those hear of an unknown effect whose group's reply was lost; and it is reported once. */
const auditAnswers = ({ network, tally, observed }: SimulatedWorld): readonly string[] => {
  const sent = new Map<number, number>()
  const told = new Map<number, number>()
  for (const packet of network.journal)
    if (packet.told === 'unknown') for (const { id, units } of packet.rows) add(sent, id, units)
  for (const charge of tally.asked)
    if (charge.told === 'unknown') for (const { id } of charge.quotas) add(told, id, charge.units)
  const ids = [...new Set([...sent.keys(), ...told.keys()])]
  const wrong = ids.flatMap((id) =>
    sent.get(id) === told.get(id)
      ? []
      : [`row ${id}: of ${sent.get(id) ?? 0} unknown units ${told.get(id) ?? 0} told`],
  )
  const units = tally.unitsTold('unknown')
  return observed.unknown === units
    ? wrong
    : [...wrong, `${units} unknown units told, ${observed.unknown} reported`]
}

const add = <Key>(sums: Map<Key, number>, key: Key, units: number): void => {
  sums.set(key, (sums.get(key) ?? 0) + units)
}
