// Amounts of time, bytes and units as people write them: 500ms, 8MiB, 10K.

const DURATION_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}
const SIZE_BYTES: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1_000,
  KiB: 1_024,
  MB: 1_000_000,
  MiB: 1_048_576,
  GB: 1_000_000_000,
  GiB: 1_073_741_824,
}
const AMOUNT: Readonly<Record<string, number>> = { '': 1, K: 1_000, M: 1_000_000, G: 1_000_000_000 }

/** `500ms`, `10s`, `5m`, `24h`, `30d`, `2w`; whole numbers with a unit. Milliseconds, or undefined for anything else. */
export const parseDurationMs = (text: string): number | undefined =>
  scaled(/^(\d{1,15})(ms|s|m|h|d|w)$/.exec(text), DURATION_MS)

/** `8MiB`, `64kB`, `512B`. Bytes, or undefined for anything else. */
export const parseSizeBytes = (text: string): number | undefined =>
  scaled(/^(\d{1,15})(B|kB|KiB|MB|MiB|GB|GiB)$/.exec(text), SIZE_BYTES)

/** `250`, `10K`, `1M`, `2G`; K is 1,000, and its case is ignored. Units, or undefined for anything else. */
export const parseAmount = (text: string): number | undefined =>
  scaled(/^(\d{1,16})([KMG]?)$/.exec(text.toUpperCase()), AMOUNT)

const scaled = (
  match: RegExpExecArray | null,
  factors: Readonly<Record<string, number>>,
): number | undefined => {
  const factor = factors[match?.[2] ?? '?']
  if (match === null || factor === undefined) return undefined
  const value = Number(match[1]) * factor
  return Number.isSafeInteger(value) ? value : undefined
}
