// Which limits are nearly used up, and by how much. Pure.
import type { Quota, QuotaState } from './quota.ts'

/** `percent`: how much of the amount is used, rounded down. */
export type NearLimit = Readonly<{ state: QuotaState; percent: number }>

export type SubjectKind = 'key' | 'organisation' | 'team' | 'user'

/**
 * The limits that are used to `softLimit` percent of their amount (1 to 99; undefined: never) or beyond, the fullest first; of equally
 * full ones first the one that resets last. Never an amount of 0, which is a refusal and no limit to come near to, nor an implicit row.
 */
export const nearLimits = (
  states: readonly QuotaState[],
  softLimit: number | undefined,
): readonly NearLimit[] =>
  softLimit === undefined || !states.some((state) => isNear(state, softLimit))
    ? NONE
    : states
        .filter((state) => isNear(state, softLimit))
        .map((state) => ({ state, percent: percentUsed(state) }))
        .toSorted(fullestFirst)

const NONE: readonly NearLimit[] = []

/** By the depth of the owner's path. */
export const subjectKindOf = ({ subject }: Quota): SubjectKind =>
  subject === 'key' ? 'key' : (KINDS[subject.split('/').length - 1] ?? 'user')

const KINDS = ['organisation', 'team', 'user'] as const

const isNear = ({ quota, amount, used }: QuotaState, softLimit: number): boolean =>
  !quota.implicit && amount > 0 && used >= threshold(amount, softLimit)

/** `amount * percent / 100`, rounded up; in parts, because the product may lie beyond what a number holds exactly. */
const threshold = (amount: number, percent: number): number =>
  Math.floor(amount / 100) * percent + Math.ceil(((amount % 100) * percent) / 100)

/** Never 100 before the last unit is used, whatever the amount. */
const percentUsed = ({ amount, used }: QuotaState): number =>
  Math.min(100, Number((BigInt(used) * 100n) / BigInt(amount)))

const fullestFirst = (a: NearLimit, b: NearLimit): number => b.percent - a.percent || resetOf(b) - resetOf(a)

const resetOf = ({ state }: NearLimit): number => state.resetsAtMs ?? Number.MAX_SAFE_INTEGER
