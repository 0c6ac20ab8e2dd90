// What a process that charges quotas has asked and heard, in a file: what it wrote is still there when the process was killed.
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import type { ChargeObserver } from '../../src/quota/charge-observer.ts'

/** What became of units. `unknown`: nobody was told whether they were charged; the last five changed nothing. */
export const ANSWERS = [
  'admitted',
  'unknown',
  'exhausted',
  'stale',
  'late',
  'overloaded',
  'unavailable',
] as const
export type Answer = (typeof ANSWERS)[number]

/** What the engine itself told, all charges together: units, units, statements, groups, charges in them, groups. */
const OBSERVED = ['unknown', 'wasted', 'raised', 'groups', 'carried', 'locked'] as const
export type Observed = Readonly<Record<(typeof OBSERVED)[number], number>>

/** Units of one plan. `asked` is written before anything is asked, so it is never behind what the database was told. */
export type PlanTally = Readonly<Record<Answer | 'asked', number>>
export type Tally = Readonly<{ plans: readonly PlanTally[]; observed: Observed }>

export type TallyWriter = Readonly<{
  add(plan: number, what: Answer | 'asked', units: number): void
  observer: ChargeObserver
  write(): void
  close(): void
}>

const COLUMNS = ['asked', ...ANSWERS] as const
const FIRST_PLAN = 1 + OBSERVED.length

/** Number of this state, what was observed, the plans, and what tells the whole from a mixture. */
const lengthFor = (plans: number): number => FIRST_PLAN + plans * COLUMNS.length + 1

/** A state is written over the last but one, so that one that was cut short leaves a whole one. */
export const createTally = (path: string, plans: number): TallyWriter => {
  const values = new Float64Array(lengthFor(plans))
  const file = openSync(path, 'w')
  const bump = (index: number, by: number) => {
    values[index] = (values[index] ?? 0) + by
  }
  const observe = (what: keyof Observed, by: number) => bump(1 + OBSERVED.indexOf(what), by)
  const write = () => {
    const number = (values[0] ?? 0) + 1
    values[0] = number
    values[values.length - 1] = digestOf(values)
    writeSync(file, values, 0, values.byteLength, (number % 2) * values.byteLength)
  }
  write()
  write()
  return {
    add: (plan, what, units) => bump(FIRST_PLAN + plan * COLUMNS.length + COLUMNS.indexOf(what), units),
    observer: {
      group: ({ charges, form }) => {
        observe('groups', 1)
        observe('carried', charges)
        if (form === 'locked') observe('locked', 1)
      },
      answered: () => {},
      raised: () => observe('raised', 1),
      unknown: (units) => observe('unknown', units),
      wasted: (units) => observe('wasted', units),
      // Uncaught, so that it ends the process: what is proved here is proved of the form that was asked for.
      fellBack: (because) =>
        setImmediate(() => {
          throw new Error(`charges are made in the direct form: ${because}`)
        }),
    },
    write,
    close: () => closeSync(file),
  }
}

/** The newest state that is whole. Also while the process runs. */
export const readTally = (path: string, plans: number): Tally => {
  for (;;) {
    const length = lengthFor(plans)
    const bytes = readFileSync(path)
    const both = new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))
    const whole = [both.subarray(0, length), both.subarray(length)]
      .filter((state) => state.length === length && state[length - 1] === digestOf(state))
      .toSorted((a, b) => (b[0] ?? 0) - (a[0] ?? 0))[0]
    if (whole !== undefined) return toTally(whole, plans)
  }
}

/**
 * Of all but the last. Who reads while another process writes may be passed by it in the middle, and then finds the beginning and the end
 * of one state and between them another one, in which a unit was answered that was not asked for yet.
 */
const digestOf = (state: Float64Array): number => {
  let digest = 1
  for (let at = 0; at < state.length - 1; at += 1)
    digest = (Math.imul(digest, DIGEST_FACTOR) + (state[at] ?? 0)) | 0
  return digest
}

const DIGEST_FACTOR = 2_654_435_761

const toTally = (values: Float64Array, plans: number): Tally => {
  const named = <K extends string>(names: readonly K[], from: number): Record<K, number> => {
    const entries = names.map((name, at) => [name, values[from + at] ?? 0] as const)
    return Object.fromEntries(entries) as Record<K, number>
  }
  return {
    observed: named(OBSERVED, 1),
    plans: Array.from({ length: plans }, (_, plan) => named(COLUMNS, FIRST_PLAN + plan * COLUMNS.length)),
  }
}
