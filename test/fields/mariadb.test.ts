// Every field that can be set bites, in the running program on MariaDB.
import { afterAll, beforeAll, test } from 'vitest'
import { freshDatabase } from '../support/mariadb.ts'
import { ROWS } from './field-table.ts'
import type { World } from './field-world.ts'
import { startGrpcWorld } from './field-world.ts'

let world: World
beforeAll(async () => {
  world = await startGrpcWorld(await freshDatabase())
})
afterAll(() => world.close())

for (const { name, run } of ROWS) test(name, () => run(world))
