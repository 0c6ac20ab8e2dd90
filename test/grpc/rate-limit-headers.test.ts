// How long until a limit resets, as OpenAI's clients read it.
import { expect, it } from 'vitest'
import { resetDuration } from '../../src/grpc/rate-limit-headers.ts'

it.each([
  [-5, '0ms'],
  [0, '0ms'],
  [0.2, '1ms'],
  [120, '120ms'],
  [999, '999ms'],
  [1_000, '1s'],
  [1_001, '2s'],
  [59_001, '1m0s'],
  [360_000, '6m0s'],
  [3_600_000, '1h0m0s'],
  [86_390_000, '23h59m50s'],
  [30 * 86_400_000, '720h0m0s'],
])('%d ms is told as %s, never too early', (durationMs, told) => {
  expect(resetDuration(durationMs)).toBe(told)
})
