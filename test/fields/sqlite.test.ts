// Every field that can be set bites, in the running program on the embedded store.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { FIELD_TABLE, ROWS } from './field-table.ts'
import type { World } from './field-world.ts'
import { startGrpcWorld } from './field-world.ts'

let world: World
beforeAll(async () => {
  world = await startGrpcWorld()
})
afterAll(() => world.close())

test('each row has a name of its own', () => {
  expect(new Set(FIELD_TABLE.map(({ name }) => name)).size).toBe(FIELD_TABLE.length)
})

for (const { name, run } of ROWS) test(name, () => run(world))
