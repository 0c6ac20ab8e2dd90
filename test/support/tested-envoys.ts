// Which Envoys the tests run: the oldest and the newest, or with LATCHKEY_TEST_ENVOYS=all every one that is supported.
import type { EnvoyBinary } from '../../src/cli/demo/envoy-binary.ts'
import { findEnvoy } from '../../src/cli/demo/envoy-binary.ts'
import { TESTED_ENVOYS } from '../../src/cli/demo/envoy-versions.ts'

export const ENVOYS: readonly string[] =
  process.env['LATCHKEY_TEST_ENVOYS'] === 'all'
    ? TESTED_ENVOYS
    : TESTED_ENVOYS.filter((_, index) => index === 0 || index === TESTED_ENVOYS.length - 1)

export const envoyOf = (version: string): Promise<EnvoyBinary> =>
  findEnvoy({ version, envoyBin: process.env['ENVOY_BIN'] })
