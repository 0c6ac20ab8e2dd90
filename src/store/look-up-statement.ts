// What a look-up selects, as both dialects say it: a key, its owners, their rules and limits, in one row.

export const OWNERS = ['a', 'b', 'c'] as const
export const HOLDERS = ['k', ...OWNERS] as const

const KEY_COLUMNS = 'id name hint disabled revoked_at not_before expires_at fail_mode shadow quota_id'.split(
  ' ',
)

/** Columns of the key begin with k_, of its owner and the owners above with a_, b_ and c_. */
export const LOOK_UP_COLUMNS: string = [
  'r.version AS registry_version',
  '(SELECT value FROM change_counter WHERE id = 1) AS change_number',
  'CASE WHEN r.version <> ? THEN r.document END AS registry_document',
  's.not_after AS s_not_after',
  ...KEY_COLUMNS.map((column) => `k.${column} AS k_${column}`),
  ...HOLDERS.flatMap((table) =>
    ['models', 'denied_models', 'policies', 'guardrails'].map(
      (column) => `${table}.${column} AS ${table}_${column}`,
    ),
  ),
  ...['a', 'b', 'c'].flatMap((table) =>
    ['id', 'path', 'disabled'].map((column) => `${table}.${column} AS ${table}_${column}`),
  ),
  ...['restrictions', 'labels'].map(seldomSaid),
].join(',\n  ')

/** Of a column that is null for most, one for all four: each column of an answer costs some 0.5 µs, filled or not. */
function seldomSaid(column: string): string {
  const columns = HOLDERS.map((table) => `${table}.${column}`).join()
  return `CASE WHEN COALESCE(${columns}) IS NOT NULL THEN JSON_ARRAY(${columns}) END AS ${column}`
}

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
    ...HOLDERS.map(
      (
        table,
      ) => `(SELECT ${collect}(${array}(l.quota_id, l.unit, l.period, l.zone, q.amount, q.used, q.window_end,
    q.usable_until)) FROM quota_limit l JOIN quota q ON q.id = l.quota_id
   WHERE l.subject_id = ${table}.id) AS ${table}_limits`,
    ),
    `(SELECT ${array}(q.id, q.amount, q.used, q.window_end, q.usable_until) FROM quota q WHERE q.id = k.quota_id) AS k_quota`,
  ].join(',\n  ')
