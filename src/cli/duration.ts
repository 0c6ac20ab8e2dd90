// Spans of time on the command line.
import { parseDurationMs } from '../config/quantity.ts'
import { Rejection } from '../kernel/failure.ts'

/** Milliseconds. Throws Rejection; `option` is the name that it blames, `examples` what it proposes. */
export const parseDuration = (option: string, text: string, examples: string): number => {
  const durationMs = parseDurationMs(text)
  if (durationMs !== undefined) return durationMs
  throw new Rejection('invalid', `${option} ${JSON.stringify(text)} must be a time such as ${examples}`)
}
