// An independent judge of HTTP/2 servers: every case of h2spec passes. It is a Go module, built when the proofs run.
import { execFile, execFileSync, spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { recordFigure } from '../../support/figures.ts'
import { aLane } from '../../support/lane-rig.ts'

const MODULE = 'github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible'
const BIN = resolve(import.meta.dirname, '../../../.cache/go')
const runs = process.env['LATCHKEY_PROVE'] === '1' && spawnSync('go', ['version']).status === 0

test.skipIf(!runs)('every case of h2spec passes', { timeout: 300_000 }, async () => {
  execFileSync('go', ['install', MODULE], { env: { ...process.env, GOBIN: BIN } })
  const { port } = await aLane()
  const { promise, resolve: ended } = Promise.withResolvers<string>()
  execFile(resolve(BIN, 'h2spec'), ['-h', '127.0.0.1', '-p', `${port}`, '-o', '2'], (_error, output) =>
    ended(output),
  )
  const output = await promise
  const [, all, passed, , failed] =
    /(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed/.exec(output) ?? []
  expect({ failed, output: failed === '0' ? '' : output }).toEqual({ failed: '0', output: '' })
  expect(Number(all)).toBeGreaterThan(100)
  recordFigure({ name: 'cases of h2spec that the lane passes', value: `${passed} of ${all}` })
})
