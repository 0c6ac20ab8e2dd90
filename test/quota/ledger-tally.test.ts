// What is proved of quotas is as true as the tallies of the processes that charge them: what is not whole is not read as a state.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { aDirectory } from '../support/closing.ts'
import type { TallyWriter } from '../support/ledger-tally.ts'
import { createTally, readTally } from '../support/ledger-tally.ts'

const PLANS = 2
const NUMBER_BYTES = 8

let path: string
let tally: TallyWriter
beforeEach(async () => {
  path = join(await aDirectory(), 'tally')
  tally = createTally(path, PLANS)
  return () => tally.close()
})

/** Two states: a unit is asked for, and refused. */
const askInVain = () => {
  for (const what of ['asked', 'exhausted'] as const) {
    tally.add(1, what, 1)
    tally.write()
  }
}

test('the newest state is read', () => {
  for (const asked of [1, 2, 3]) {
    tally.add(1, 'asked', 1)
    tally.write()
    expect(readTally(path, PLANS).plans[1]).toMatchObject({ asked, exhausted: 0 })
  }
})

test('a state that is mixed with the one it is written over, whatever part it is, is passed over for the one before', () => {
  askInVain()
  const older = readFileSync(path)
  askInVain()
  const newer = readFileSync(path)
  const end = newer.length / 2
  let mixtures = 0
  for (let from = 0; from < end; from += NUMBER_BYTES)
    for (let to = from + NUMBER_BYTES; to <= end; to += NUMBER_BYTES) {
      if (from === 0 && to === end) continue
      const mixed = Buffer.concat([newer.subarray(0, from), older.subarray(from, to), newer.subarray(to)])
      const isWhole = mixed.equals(newer)
      if (!isWhole) mixtures += 1
      writeFileSync(path, mixed)
      const exhausted = isWhole ? 2 : 1
      expect(readTally(path, PLANS).plans[1]).toMatchObject({ asked: 2, exhausted })
    }
  expect(mixtures).toBeGreaterThan(0)
})
