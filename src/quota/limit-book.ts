// The management port for what people call limits.
import type { Period, Unit } from './quota.ts'

export type LimitDraft = Readonly<{ unit: Unit; period: Period; zone: string; amount: number }>

/** `subject` is a key id (`key_…`) or an owner's path. */
export type Limit = LimitDraft &
  Readonly<{ id: number; subject: string; used: number; resetsAtMs: number | undefined }>

/** Every method validates its input, throws Rejection when it cannot be done, and changes all of it or nothing. */
export type LimitBook = Readonly<{
  /** conflict when the subject already has a limit of that unit, period and zone. */
  createLimit(subject: string, draft: LimitDraft): Promise<Limit>
  /** The amount changes in place, used stays. Period or zone: the old row is retired and a new one starts empty. */
  updateLimit(id: number, change: Partial<Omit<LimitDraft, 'unit'>>): Promise<Limit>
  deleteLimit(id: number): Promise<void>
  listLimits(subject?: string): Promise<readonly Limit[]>
}>
