// What a client is told of its limits: OpenAI's x-ratelimit-* of the one with the least remaining, and the soft limit.
import type { QuotaState } from '../quota/quota.ts'
import type { NearLimit } from '../quota/soft-limit.ts'

/**
 * Names and values; empty without limits. `nowMs` is the database's time. A total never resets and says so by
 * silence.
 */
export const rateLimitHeaders = (
  limits: readonly QuotaState[],
  nowMs: number,
): readonly (readonly [string, string])[] => {
  const tightest = tightestOf(limits)
  if (tightest === undefined) return []
  const { amount, remaining, quota } = tightest
  const names = rateLimitNames(quota.unit)
  const counted = [
    [names.limit, String(amount)],
    [names.remaining, String(remaining)],
  ] as const
  const reset = resetText(tightest, nowMs)
  return reset === '' ? counted : [...counted, [names.reset, reset]]
}

export const rateLimitNames = (
  unit: string,
): Readonly<{ limit: string; remaining: string; reset: string }> => ({
  limit: `x-ratelimit-limit-${unit}`,
  remaining: `x-ratelimit-remaining-${unit}`,
  reset: `x-ratelimit-reset-${unit}`,
})

/** The one that a client is told of. */
export const tightestOf = (limits: readonly QuotaState[]): QuotaState | undefined => {
  let tightest: QuotaState | undefined
  for (const state of limits) if (tightest === undefined || isTighter(state, tightest)) tightest = state
  return tightest
}

/** Empty for a total. */
export const resetText = ({ resetsAtMs }: QuotaState, nowMs: number): string =>
  resetsAtMs === undefined ? '' : resetDuration(resetsAtMs - nowMs)

/** `requests/day;used=83`, a structured field (RFC 9651); of several limits the first. */
export const softLimitHeaders = ([fullest]: readonly NearLimit[]): readonly (readonly [string, string])[] => {
  if (fullest === undefined) return []
  const { state, percent } = fullest
  return [['x-latchkey-soft-limit', `${state.quota.unit}/${state.quota.period};used=${percent}`]]
}

/** `120ms`, `1s`, `6m0s`, `23h59m50s`; rounded up, so that who waits that long finds the window turned. */
export const resetDuration = (durationMs: number): string => {
  if (durationMs < 1_000) return `${Math.max(0, Math.ceil(durationMs))}ms`
  const seconds = Math.ceil(durationMs / 1_000)
  const hours = Math.floor(seconds / 3_600)
  const minutes = Math.floor(seconds / 60) % 60
  if (hours > 0) return `${hours}h${minutes}m${seconds % 60}s`
  return minutes > 0 ? `${minutes}m${seconds % 60}s` : `${seconds}s`
}

/** Of two with the same rest the one that stays empty longer matters more. */
const isTighter = (state: QuotaState, other: QuotaState): boolean =>
  state.remaining < other.remaining ||
  (state.remaining === other.remaining && (state.resetsAtMs ?? Infinity) > (other.resetsAtMs ?? Infinity))
