// Clients in Go get from the lane what gRPC promises them: grpc-go and grpcurl, built when the proofs run.
import { execFile, execFileSync, spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { anAllow } from '../../support/decisions.ts'
import { aServer } from '../../support/grpc-rig.ts'

const GRPCURL = 'github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3'
const ROOT = resolve(import.meta.dirname, '../../..')
const BIN = resolve(ROOT, '.cache/go')
const runs = process.env['LATCHKEY_PROVE'] === '1' && spawnSync('go', ['version']).status === 0
const run = promisify(execFile)

/** Allows everything; who asks for /waits is answered when the server gives up. */
const aLaneServer = async () => {
  const options = { transport: 'lane', maxBodyBytes: 1_048_576, checkTimeoutMs: 60_000 } as const
  const server = await aServer(options, async (request) =>
    request?.path === '/waits' ? new Promise(() => {}) : anAllow(),
  )
  server.setServing(true)
  return server
}

test.skipIf(!runs)(
  'grpc-go: Checks, health, deadlines, cancels and errors',
  { timeout: 300_000 },
  async () => {
    const client = resolve(BIN, 'latchkey-go-client')
    execFileSync('go', ['build', '-o', client, '.'], { cwd: resolve(ROOT, 'test/support/go-client') })
    const { stdout } = await run(client, [(await aLaneServer()).address])
    expect(JSON.parse(stdout)).toEqual({
      Check: 'allowed',
      'Check of a megabyte': 'allowed',
      'Check of four megabytes': 'ResourceExhausted',
      'compressed Check': 'Unimplemented',
      // Refused by the server just before, or given up by the client.
      'Check that takes too long': expect.stringMatching(/^(OK|DeadlineExceeded)$/),
      'Check that is taken back': 'Canceled',
      'unknown method': 'Unimplemented',
      health: 'SERVING OK',
      'health of nobody': 'NotFound',
      'watched health': 'SERVING Canceled',
      'allowed of 2000 at once': '2000',
    })
  },
)

test.skipIf(!runs)(
  'grpcurl: a Check, health, and a method that is not there',
  { timeout: 300_000 },
  async () => {
    execFileSync('go', ['install', GRPCURL], { env: { ...process.env, GOBIN: BIN } })
    const { address } = await aLaneServer()
    const protos = ['envoy/service/auth/v3/external_auth.proto', 'grpc/health/v1/health.proto']
    const ask = (message: string, method: string) =>
      run(resolve(BIN, 'grpcurl'), [
        '-plaintext',
        ...['-import-path', resolve(ROOT, 'proto'), ...protos.flatMap((path) => ['-proto', path])],
        ...['-d', message, address, method],
      ])
    const request = '{"attributes":{"request":{"http":{"method":"POST","path":"/"}}}}'
    const { stdout } = await ask(request, 'envoy.service.auth.v3.Authorization/Check')
    expect(JSON.parse(stdout)).toHaveProperty('okResponse')
    const health = await ask('{}', 'grpc.health.v1.Health/Check')
    expect(JSON.parse(health.stdout)).toEqual({ status: 'SERVING' })
    await expect(ask('{"service":"nobody"}', 'grpc.health.v1.Health/Check')).rejects.toThrow('NotFound')
  },
)
