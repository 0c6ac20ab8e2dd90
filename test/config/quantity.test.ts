import { expect, test } from 'vitest'
import { parseAmount, parseDurationMs, parseSizeBytes } from '../../src/config/quantity.ts'

test.each([
  ['0ms', 0],
  ['500ms', 500],
  ['10s', 10_000],
  ['5m', 300_000],
  ['24h', 86_400_000],
  ['30d', 2_592_000_000],
  ['2w', 1_209_600_000],
  ['10', undefined],
  ['1.5s', undefined],
  ['-1s', undefined],
  ['1 s', undefined],
  ['1S', undefined],
  ['1toString', undefined],
  ['999999999999999w', undefined],
])('duration %j is %j ms', (text, expected) => expect(parseDurationMs(text)).toBe(expected))

test.each([
  ['1B', 1],
  ['1kB', 1_000],
  ['64KiB', 65_536],
  ['8MiB', 8_388_608],
  ['1GiB', 1_073_741_824],
  ['8', undefined],
  ['8mib', undefined],
  ['8 MiB', undefined],
])('size %j is %j bytes', (text, expected) => expect(parseSizeBytes(text)).toBe(expected))

test.each([
  ['0', 0],
  ['250', 250],
  ['10K', 10_000],
  ['10k', 10_000],
  ['5M', 5_000_000],
  ['2G', 2_000_000_000],
  ['9007199254740991', 9_007_199_254_740_991],
  ['9007199254740992', undefined],
  ['10000000G', undefined],
  ['1.5K', undefined],
  ['1KK', undefined],
  ['', undefined],
  ['1e3', undefined],
])('amount %j is %j units', (text, expected) => expect(parseAmount(text)).toBe(expected))
