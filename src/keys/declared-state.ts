// Everything that is configured, except keys, as one value: the port for those who keep it in files.
import { Rejection } from '../kernel/failure.ts'
import type { Model } from '../policy/model-catalogue.ts'
import type { Policy, Rules } from '../policy/policy.ts'
import { NO_RULES } from '../policy/policy.ts'
import type { LimitDraft } from '../quota/limit-book.ts'
import type { OwnerRecord } from './key-book.ts'

/** `disabled` undefined: as it is; a new owner is active. */
export type DeclaredOwner = Omit<OwnerRecord, 'id' | 'createdAtMs' | 'disabled' | 'rules'> &
  Readonly<{ disabled: boolean | undefined; rules: Rules; limits: readonly LimitDraft[] }>

export type DeclaredPolicy = Omit<Policy, 'version'>

/** A section that is undefined is nobody's business here: it is neither compared nor pruned. */
export type DeclaredState = Readonly<{
  guardrails: readonly string[] | undefined
  policies: readonly DeclaredPolicy[] | undefined
  models: readonly Model[] | undefined
  owners: readonly DeclaredOwner[] | undefined
}>

/** What a store holds: every section, and of every owner whether it is disabled. */
export type StoredState = Readonly<{
  [Section in keyof DeclaredState]-?: NonNullable<DeclaredState[Section]>
}>

/** What a field of an object is when nobody says anything, `models` and its like absent; what is not here, everybody must say. */
export const FIELD_DEFAULTS: Readonly<Record<string, unknown>> = {
  ...NO_RULES,
  disabled: false,
  shadow: false,
  labels: {},
  limits: [],
}

export type ObjectKind = 'guardrail' | 'policy' | 'model' | 'owner' | 'limit'
export type ObjectName = Readonly<{ kind: ObjectKind; name: string }>

/** `before` and `after` are undefined where there is none: a new object has no before. */
export type FieldChange = Readonly<{ field: string; before: unknown; after: unknown }>

export type Difference = ObjectName &
  Readonly<{ action: 'create' | 'update' | 'delete'; fields: readonly FieldChange[] }>

export type Applied = Readonly<{
  /** In the order in which they are made: what is needed by others first, what is deleted last. */
  differences: readonly Difference[]
  /** What the store has and the declared state has not, and nobody asked to prune. */
  left: readonly ObjectName[]
}>

export type ApplyOptions = Readonly<{
  /** Deletes what a declared section does not name. */
  prune: boolean
  /** Says what it would do, and does nothing. */
  dryRun: boolean
}>

export type StateBook = Readonly<{
  /** Of one instant. Objects by name, an owner's limits by period. */
  readState(): Promise<StoredState>
  /**
   * Makes the store hold what is declared: all of it in one transaction, or nothing. Objects are stated whole. Throws StateFaults
   * with everything that is wrong with what is declared, Rejection conflict when something to be pruned is in use.
   */
  applyState(state: DeclaredState, options: ApplyOptions): Promise<Applied>
}>

/** Where the fault is as exactly as can be said: an object, one of its fields, one entry of that field's list. */
export type StateFault = ObjectName & Readonly<{ field?: string; entry?: string; words: string }>

export class StateFaults extends Rejection {
  readonly faults: readonly StateFault[]

  constructor(faults: readonly StateFault[]) {
    super('invalid', faults.map(({ kind, name, words }) => `${kind} ${name}: ${words}`).join('\n'))
    this.faults = faults
  }
}
