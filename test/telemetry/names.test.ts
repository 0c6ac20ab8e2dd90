// Rooms that may not import the list of names use the names that stand in it.
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { ATTRIBUTE, SPAN } from '../../src/telemetry/names.ts'

it.each([
  ['src/quota/group-span.ts', [SPAN.chargeGroup, ATTRIBUTE.groupCharges, ATTRIBUTE.groupRows]],
  ['src/store/look-up-span.ts', [SPAN.lookUpGroup, ATTRIBUTE.groupKeys]],
])('%s: the span of a group and its attributes are those of the list', (path, names) => {
  const source = readFileSync(path, 'utf8')
  const used = [...source.matchAll(/'(latchkey\.[a-z_.]+)'/g)].map(([, name]) => name)
  const tracers = ['latchkey.quota', 'latchkey.store']
  expect(new Set(used.filter((name) => !tracers.includes(name ?? '')))).toEqual(new Set(names))
})
