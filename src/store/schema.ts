// The tables as kysely sees them; both dialects have the same ones. Times are milliseconds since 1970, UTC.
import type { Generated, Kysely, Transaction } from 'kysely'
import type { FailMode } from '../keys/virtual-key.ts'

/** Lists are JSON arrays of strings; models null means no restriction. Restrictions are a JSON object, null when there are none. */
export type PolicyRulesColumns = {
  models: string | null
  denied_models: string
  guardrails: string
  restrictions: string | null
}

export type RulesColumns = PolicyRulesColumns & { policies: string }

/** A JSON object of strings, null when there are none. */
type LabelsColumn = { labels: string | null }

export type OwnerTable = RulesColumns &
  LabelsColumn & {
    id: string
    path: string
    parent_id: string | null
    disabled: Generated<number>
    created_at: number
  }

export type VirtualKeyTable = RulesColumns &
  LabelsColumn & {
    id: string
    owner_id: string
    name: string
    hint: string
    disabled: Generated<number>
    revoked_at: number | null
    not_before: number | null
    expires_at: number | null
    fail_mode: Generated<FailMode>
    shadow: Generated<number>
    quota_id: number
    created_at: number
  }

/**
 * Two live secrets of one key are possible; one whose `not_after` has passed does not exist any more, though its row stays. `hint` and
 * `created_at` are null for those that an older program made; the rest is of rotations that were named.
 */
export type KeySecretTable = {
  hash: Uint8Array
  key_id: string
  not_after: number | null
  hint: string | null
  created_at: number | null
  request: Uint8Array | null
  salt: Uint8Array | null
  grace_ms: number | null
}

export type GuardrailTable = { name: string }

export type PolicyTable = PolicyRulesColumns & { name: string; version: number; shadow: Generated<number> }

export type ModelTable = { name: string; route: string; guardrails: string }

/** One row, id 1: everything registered as one document, materialised with each change. */
export type RegistryTable = { id: number; version: number; document: string }

/** The hot row. */
export type QuotaTable = {
  id: Generated<number>
  amount: number
  used: Generated<number>
  window_start: Generated<number>
  /** A total ends at 2^53 - 1. */
  window_end: Generated<number>
  /** Mirror of the subject and all owners above it: 0, an expiry, or 2^53 - 1. Charged only before this instant. */
  usable_until: number
}

/** What people set. `subject_id` is the id of a key or of an owner. */
export type QuotaLimitTable = {
  id: Generated<number>
  subject_id: string
  unit: string
  period: string
  zone: string
  amount: number
  quota_id: number
}

/** One row, id 1: the number of the last change. */
export type ChangeCounterTable = { id: number; value: number; token: number }

/** `subject` is the id of the key or owner that changed, else empty. */
export type ChangeFeedTable = {
  number: number
  kind: string
  subject: string
  token: number
  changed_at: number
}

/** `serves_ms`: how long after a change it may serve what was right before, when it is not told. */
export type ReplicaTable = { id: string; name: string; position: number; serves_ms: number; seen_at: number }

export type Schema = {
  owner: OwnerTable
  virtual_key: VirtualKeyTable
  key_secret: KeySecretTable
  guardrail: GuardrailTable
  policy: PolicyTable
  model: ModelTable
  registry: RegistryTable
  quota: QuotaTable
  quota_limit: QuotaLimitTable
  change_counter: ChangeCounterTable
  change_feed: ChangeFeedTable
  replica: ReplicaTable
}

export type Database = Kysely<Schema>
export type DatabaseTransaction = Transaction<Schema>
