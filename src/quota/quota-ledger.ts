// The port through which quotas are charged, and what every implementation guarantees.
import type { Call } from '../kernel/call.ts'
import type { Quota, QuotaState } from './quota.ts'

export type ChargeOutcome =
  /** Every quota was charged, durably. States are after the charge, in the order asked. */
  | Readonly<{ outcome: 'charged'; states: readonly QuotaState[] }>
  /** Nothing changed. States of all quotas; at least one has remaining < units. */
  | Readonly<{ outcome: 'exhausted'; states: readonly QuotaState[] }>
  /** Nothing changed. A row is gone, retired or no longer usable: what the caller knows of the key is out of date. */
  | Readonly<{ outcome: 'stale' }>

/**
 * How charges reach the database: many in one statement while the last one is under way, or each in a transaction of
 * its own. Both keep every promise below.
 */
export type ChargeForm = 'grouped' | 'direct'

/** `because`: why it is not the form that was asked for. */
export type ChargeFormInUse = Readonly<{ form: ChargeForm; because?: string }>

/**
 * - All quotas of a charge are charged or none; a refusal changes nothing.
 * - For every quota and window: charged <= amount, under any number of replicas and any fault.
 * - Windows turn inside the charge, by the database's clock.
 * - Throws Failure: store_unavailable, overloaded, deadline_exceeded; `chargeUnknown` when the units may be gone.
 * - A call that is cancelled or late before its statement is sent is dropped with deadline_exceeded, nothing charged.
 * - Counts call.storeWrites once for each charging transaction sent and call.storeReads for each classifying read.
 */
export type QuotaLedger = Readonly<{
  /** `units` is a positive integer; `quotas` has distinct ids, at least one. */
  charge(quotas: readonly Quota[], units: number, call: Call): Promise<ChargeOutcome>
  /** The states now, without charging; missing rows are left out. One read. */
  peek(quotas: readonly Quota[], call: Call): Promise<readonly QuotaState[]>
}>
