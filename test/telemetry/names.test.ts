// Rooms that may not import the list of names use the names that stand in it.
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { ATTRIBUTE, SPAN } from '../../src/telemetry/names.ts'

it('the span of a group and its attributes are those of the list', () => {
  const source = readFileSync('src/quota/group-span.ts', 'utf8')
  const used = [...source.matchAll(/'(latchkey\.[a-z_.]+)'/g)].map(([, name]) => name)
  expect(new Set(used.filter((name) => name !== 'latchkey.quota'))).toEqual(
    new Set([SPAN.chargeGroup, ATTRIBUTE.groupCharges, ATTRIBUTE.groupRows]),
  )
})
