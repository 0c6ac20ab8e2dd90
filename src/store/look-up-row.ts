// The one row of a look-up, as both dialects select it, and the key it stands for.
import type { KeyLookup } from '../keys/key-store.ts'
import type { Owner, VirtualKey } from '../keys/virtual-key.ts'
import type { RegistryDocument } from '../policy/registry.ts'
import type { QuotaRow } from '../quota/charge-plan.ts'
import type { Quota } from '../quota/quota.ts'
import { FOREVER, PERIODS, UNITS } from '../quota/quota.ts'
import type { QuotaView } from '../quota/quota-view.ts'
import type { LookUpRow } from './row-values.ts'
import { integer, optionalInteger, text } from './row-values.ts'
import { rulesFromColumns } from './rules-columns.ts'

const KEY_COLUMNS = 'id name hint disabled revoked_at not_before expires_at fail_mode quota_id'.split(' ')

/** Columns of the key begin with k_, of its owner and the owners above with a_, b_ and c_. */
export const LOOK_UP_COLUMNS: string = [
  'r.version AS registry_version',
  '(SELECT value FROM change_counter WHERE id = 1) AS change_number',
  'CASE WHEN r.version <> ? THEN r.document END AS registry_document',
  's.not_after AS s_not_after',
  ...KEY_COLUMNS.map((column) => `k.${column} AS k_${column}`),
  ...['k', 'a', 'b', 'c'].flatMap((table) =>
    ['models', 'denied_models', 'policies', 'guardrails'].map(
      (column) => `${table}.${column} AS ${table}_${column}`,
    ),
  ),
  ...['a', 'b', 'c'].flatMap((table) =>
    ['id', 'path', 'disabled'].map((column) => `${table}.${column} AS ${table}_${column}`),
  ),
].join(',\n  ')

/** From the registry's one row, so that digests nobody knows bring a row too. Parameters: known version, digests. */
export const lookUpFrom = (now: string, digests = 1): string => `FROM registry r
LEFT JOIN key_secret s ON s.hash IN (${Array.from({ length: digests }, () => '?').join()}) AND (s.not_after IS NULL OR s.not_after > ${now})
LEFT JOIN virtual_key k ON k.id = s.key_id
LEFT JOIN owner a ON a.id = k.owner_id
LEFT JOIN owner b ON b.id = a.parent_id
LEFT JOIN owner c ON c.id = b.parent_id
WHERE r.id = 1`

/** Each is [quota id, unit, period, zone, amount, used, window end, usable until]; `array` and `collect` are the dialect's functions. */
export const limitColumns = ({ array, collect }: Readonly<{ array: string; collect: string }>): string =>
  [
    ...['k', 'a', 'b', 'c'].map(
      (
        table,
      ) => `(SELECT ${collect}(${array}(l.quota_id, l.unit, l.period, l.zone, q.amount, q.used, q.window_end,
    q.usable_until)) FROM quota_limit l JOIN quota q ON q.id = l.quota_id
   WHERE l.subject_id = ${table}.id) AS ${table}_limits`,
    ),
    `(SELECT ${array}(q.id, q.amount, q.used, q.window_end, q.usable_until) FROM quota q WHERE q.id = k.quota_id) AS k_quota`,
  ].join(',\n  ')

/** A look-up is also the first reading of the key's hot rows. */
export const learnRows = (view: QuotaView, row: LookUpRow, era: number): void => {
  if (row['k_id'] === null) return
  const found = hotRows(row)
  // JSON has no exact numbers beyond 2^53 - 1: rows with such wait for a reading of their own.
  const rows = found.filter((numbers) => Object.values(numbers).every(Number.isSafeInteger))
  view.forget(found.map(({ id }) => id))
  view.learn(
    rows.map(({ id }) => id),
    { rows, nowMs: 0 },
    era,
  )
}

const hotRows = (row: LookUpRow): readonly QuotaRow[] =>
  ['k', 'a', 'b', 'c']
    .flatMap((table) => limitsFromJson(row[`${table}_limits`]))
    .map(([id, , , , ...rest]) => [id, ...rest] as const)
    .concat(typeof row['k_quota'] === 'string' ? [JSON.parse(row['k_quota']) as HotColumns] : [])
    .map(([id, amount, used, windowEndMs, usableUntilMs]) => ({
      id,
      amount,
      used,
      windowEndMs,
      usableUntilMs,
    }))

export const lookupFromRow = (row: LookUpRow): KeyLookup => ({
  key: row['k_id'] === null ? undefined : keyFromRow(row),
  changeNumber: integer(row, 'change_number'),
  registryVersion: integer(row, 'registry_version'),
  registry: row['registry_document'] === null ? undefined : documentFromJson(text(row, 'registry_document')),
})

const keyFromRow = (row: LookUpRow): VirtualKey => ({
  id: text(row, 'k_id'),
  name: text(row, 'k_name'),
  hint: text(row, 'k_hint'),
  owners: ['a', 'b', 'c'].flatMap((table) => ownerFromRow(row, table)),
  disabled: integer(row, 'k_disabled') !== 0,
  revoked: row['k_revoked_at'] !== null,
  failMode: text(row, 'k_fail_mode') === 'open' ? 'open' : 'closed',
  notBeforeMs: optionalInteger(row, 'k_not_before'),
  expiresAtMs: optionalInteger(row, 'k_expires_at'),
  secretUntilMs: optionalInteger(row, 's_not_after'),
  rules: rulesFromColumns(rulesColumns(row, 'k')),
  quotas: quotasFromJson(row['k_limits'], 'key'),
  usabilityQuota: {
    id: integer(row, 'k_quota_id'),
    subject: 'key',
    unit: 'requests',
    period: 'total',
    zone: 'UTC',
    amount: FOREVER,
    implicit: true,
  },
})

const ownerFromRow = (row: LookUpRow, table: string): Owner[] => {
  if (row[`${table}_id`] === null) {
    if (table === 'a') throw new Error('a key without an owner: the store is inconsistent')
    return []
  }
  const path = text(row, `${table}_path`)
  return [
    {
      id: text(row, `${table}_id`),
      path,
      disabled: integer(row, `${table}_disabled`) !== 0,
      rules: rulesFromColumns(rulesColumns(row, table)),
      quotas: quotasFromJson(row[`${table}_limits`], path),
    },
  ]
}

const rulesColumns = (row: LookUpRow, table: string) => ({
  models: row[`${table}_models`] === null ? null : text(row, `${table}_models`),
  denied_models: text(row, `${table}_denied_models`),
  policies: text(row, `${table}_policies`),
  guardrails: text(row, `${table}_guardrails`),
})

type HotColumns = readonly [
  id: number,
  amount: number,
  used: number,
  windowEndMs: number,
  usableUntilMs: number,
]
type LimitColumns = readonly [
  id: number,
  unit: string,
  period: string,
  zone: string,
  amount: number,
  used: number,
  windowEndMs: number,
  usableUntilMs: number,
]

/** null without limits; the order means nothing. */
const limitsFromJson = (json: unknown): readonly LimitColumns[] => {
  if (json === null) return []
  if (typeof json !== 'string') throw new TypeError('limits did not come as JSON')
  return JSON.parse(json) as readonly LimitColumns[]
}

/** One for all: most keys and owners have none. */
const NO_QUOTAS: readonly Quota[] = []
const quotasFromJson = (json: unknown, subject: string): readonly Quota[] =>
  json === null
    ? NO_QUOTAS
    : limitsFromJson(json)
        .map(([id, unit, period, zone, amount]) => ({
          id,
          subject,
          unit: member('unit', UNITS, unit),
          period: member('period', PERIODS, period),
          zone,
          amount: Math.min(amount, FOREVER),
          implicit: false,
        }))
        .toSorted((a, b) => a.id - b.id)

/** A value that this program does not know was written by a newer one: charging less than asked would be worse. */
const member = <T extends string>(what: string, known: readonly T[], value: string): T => {
  const found = known.find((candidate) => candidate === value)
  if (found === undefined)
    throw new Error(`the store holds a limit with the ${what} ${JSON.stringify(value)}, unknown here`)
  return found
}

const documentFromJson = (json: string): RegistryDocument => JSON.parse(json) as RegistryDocument
