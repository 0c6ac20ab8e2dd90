// Every field that can be set bites, as the client of a real Envoy sees it.
import { afterAll, beforeAll, describe, test } from 'vitest'
import { startEnvoyRig } from '../support/envoy-rig.ts'
import { ENVOYS } from '../support/tested-envoys.ts'
import { ROWS } from './field-table.ts'
import type { World } from './field-world.ts'
import { createEnvoyWorld, FIELD_SETTINGS } from './field-world.ts'

const VERSIONS = process.env['LATCHKEY_PROVE'] === '1' ? ENVOYS : ENVOYS.slice(-1)

describe.each(VERSIONS)('Envoy %s', (version) => {
  let world: World
  beforeAll(async () => {
    // Each request is found again in the access log by its query.
    const rewrite = (config: string) => config.replace('%PATH(NQ)%', '%PATH(WQ)%')
    world = await createEnvoyWorld(await startEnvoyRig({ version, settings: FIELD_SETTINGS, rewrite }))
  })
  afterAll(() => world.close())

  for (const { name, run } of ROWS.filter(({ grpcOnly }) => grpcOnly !== true)) test(name, () => run(world))
})
