// The one row of a look-up and the key it stands for.
import type { KeyLookup } from '../keys/key-store.ts'
import type { Labels, Owner, VirtualKey } from '../keys/virtual-key.ts'
import { NO_LABELS } from '../keys/virtual-key.ts'
import type { RegistryDocument } from '../policy/registry.ts'
import type { QuotaRow } from '../quota/charge-plan.ts'
import type { Quota } from '../quota/quota.ts'
import { FOREVER, PERIODS, UNITS } from '../quota/quota.ts'
import type { QuotaView } from '../quota/quota-view.ts'
import { labelsFromColumn } from './labels-column.ts'
import { HOLDERS, OWNERS } from './look-up-statement.ts'
import type { LookUpRow } from './row-values.ts'
import { integer, optionalInteger, text } from './row-values.ts'
import { rulesFromColumns } from './rules-columns.ts'

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
  HOLDERS.flatMap((table) => limitsFromJson(row[`${table}_limits`]))
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

const keyFromRow = (row: LookUpRow): VirtualKey => {
  const restrictions = seldomSaidIn(row, 'restrictions')
  return {
    id: text(row, 'k_id'),
    name: text(row, 'k_name'),
    hint: text(row, 'k_hint'),
    owners: OWNERS.flatMap((table) => ownerFromRow(row, table, restrictions)),
    disabled: integer(row, 'k_disabled') !== 0,
    revoked: row['k_revoked_at'] !== null,
    failMode: text(row, 'k_fail_mode') === 'open' ? 'open' : 'closed',
    shadow: integer(row, 'k_shadow') !== 0,
    labels: labelsFromRow(row),
    notBeforeMs: optionalInteger(row, 'k_not_before'),
    expiresAtMs: optionalInteger(row, 'k_expires_at'),
    secretUntilMs: optionalInteger(row, 's_not_after'),
    rules: rulesFromColumns(rulesColumns(row, 'k', restrictions)),
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
  }
}

const ownerFromRow = (row: LookUpRow, table: (typeof OWNERS)[number], restrictions: SeldomSaid): Owner[] => {
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
      rules: rulesFromColumns(rulesColumns(row, table, restrictions)),
      quotas: quotasFromJson(row[`${table}_limits`], path),
    },
  ]
}

/** The nearest holder has the last word. */
const labelsFromRow = (row: LookUpRow): Labels => {
  if (row['labels'] === null) return NO_LABELS
  const each = seldomSaidIn(row, 'labels').map(labelsFromColumn)
  return Object.fromEntries(each.toReversed().flatMap((labels) => Object.entries(labels)))
}

/** In the order of `HOLDERS`. */
type SeldomSaid = readonly (string | null)[]

const seldomSaidIn = (row: LookUpRow, column: string): SeldomSaid =>
  row[column] === null ? [] : (JSON.parse(text(row, column)) as SeldomSaid)

const rulesColumns = (row: LookUpRow, table: (typeof HOLDERS)[number], restrictions: SeldomSaid) => ({
  models: row[`${table}_models`] === null ? null : text(row, `${table}_models`),
  denied_models: text(row, `${table}_denied_models`),
  policies: text(row, `${table}_policies`),
  guardrails: text(row, `${table}_guardrails`),
  restrictions: restrictions[HOLDERS.indexOf(table)] ?? null,
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
