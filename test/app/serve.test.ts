import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { mintSecret } from '../support/app-rig.ts'
import { createCheckClient, summarise } from '../support/check-client.ts'
import { aCheckRequest } from '../support/check-requests.ts'
import { aDirectory, onClose } from '../support/closing.ts'
import { runLatchkey } from '../support/latchkey-command.ts'
import { createOtlpCollector } from '../support/otlp-collector.ts'
import type { Serving } from '../support/serving.ts'
import { startServing } from '../support/serving.ts'

const serve = async (
  env: Readonly<Record<string, string>> = {},
): Promise<Serving & { directory: string }> => {
  const directory = await aDirectory()
  const serving = await startServing(directory, env)
  onClose(async () => {
    serving.process.kill('SIGKILL')
    await serving.ended
  })
  return { ...serving, directory }
}

const ask = async ({ address }: Serving, secret = mintSecret()): Promise<string> => {
  const client = createCheckClient(address)
  onClose(client.close)
  return summarise(await client.check(aCheckRequest({ headers: [['x-api-key', secret]] }))).reason
}

const readiness = async ({ healthAddress }: Serving): Promise<number> =>
  (await fetch(`http://${healthAddress}/readyz`)).status

test('serve makes its embedded store, knows keys made by another process, and ends with 0 on SIGTERM', async () => {
  const serving = await serve({ LATCHKEY_DRAIN_DELAY: '0ms' })
  expect(existsSync(join(serving.directory, 'latchkey.db'))).toBe(true)
  const { stdout } = await runLatchkey(['keys', 'create', '--name', 'ci'], { directory: serving.directory })
  expect(await ask(serving, stdout.trimEnd())).toBe('allow')
  serving.process.kill('SIGTERM')
  expect(await serving.ended).toBe(0)
  await expect(ask(serving)).rejects.toThrow(/UNAVAILABLE/)
})

test('SIGINT does the same, and its log holds no secret', async () => {
  const serving = await serve({ LATCHKEY_DRAIN_DELAY: '0ms', LATCHKEY_LOG_ALLOW_SAMPLE_RATE: '1' })
  const { stdout } = await runLatchkey(['keys', 'create', '--name', 'ci'], { directory: serving.directory })
  const secret = stdout.trimEnd()
  expect(await ask(serving, secret)).toBe('allow')
  serving.process.kill('SIGINT')
  expect(await serving.ended).toBe(0)
  expect(serving.log.join('\n')).toMatch(/check passed/)
  expect(serving.log.join('\n')).not.toContain(secret)
})

test('drain_delay: while it lasts it is not ready but answers; a second signal does not wait for it', async () => {
  const serving = await serve({ LATCHKEY_DRAIN_DELAY: '1h' })
  expect(await readiness(serving)).toBe(200)
  serving.process.kill('SIGTERM')
  await expect.poll(() => readiness(serving), { timeout: 20_000 }).toBe(503)
  expect(await ask(serving)).toBe('invalid_key')
  serving.process.kill('SIGTERM')
  expect(await serving.ended).toBe(1)
})

test('spans go where OpenTelemetry is told, also those of the last moments', async () => {
  const collector = await createOtlpCollector()
  onClose(collector.close)
  const serving = await serve({
    LATCHKEY_DRAIN_DELAY: '0ms',
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    // Longer than the test: only the flush at the end can send them.
    OTEL_BSP_SCHEDULE_DELAY: '3600000',
  })
  await ask(serving)
  serving.process.kill('SIGTERM')
  expect(await serving.ended).toBe(0)
  const span = collector.spans.find(({ name }) => name === 'envoy.service.auth.v3.Authorization/Check')
  expect(span?.attributes).toMatchObject({ 'latchkey.reason': 'invalid_key', 'latchkey.store.reads': 1 })
  expect(span?.resource).toMatchObject({ 'service.name': 'latchkey' })
})

test.each([
  [['--listen', '0.0.0.0:0'], 64, /it needs a TLS certificate, its key and a client authority/],
  [
    ['--tls-cert-file', 'x', '--tls-key-file', 'x', '--tls-client-ca-file', 'x'],
    64,
    /the TLS \S+ cannot be read/,
  ],
  [['--listen', 'here'], 64, /--listen: "here" is not unix:\/PATH or HOST:PORT/],
  [['--listen', 'unix:/dev/null/s'], 1, /cannot put a socket at/],
  [['--listen', 'unix:/dev/null/s', '--socket-group', 'no-such-group'], 64, /there is no group/],
  [['--listen', '203.0.113.1:1', '--tls-cert-file', 'x'], 64, /belong together/],
  [['--database-url', 'sqlite:/dev/null/x.db'], 64, /\/dev\/null/],
] as const)('with %j it does not start: %i', async (args, code, words) => {
  const directory = await aDirectory()
  const ran = await runLatchkey(['serve', '--health-listen', 'off', '--listen', '127.0.0.1:0', ...args], {
    directory,
  })
  expect({ code: ran.code, stderr: ran.stderr }).toEqual({ code, stderr: expect.stringMatching(words) })
  expect(ran.stdout).not.toMatch(/serving/)
  expect(ran.stderr.trimEnd().split('\n')).toHaveLength(1)
})

test('a port that is taken is told, and what was opened before is closed again', async () => {
  const taken = createServer()
  taken.listen(0, '127.0.0.1')
  await once(taken, 'listening')
  onClose(() => taken.close())
  const address = taken.address()
  if (typeof address !== 'object' || address === null) throw new Error('no port')
  const port = `127.0.0.1:${address.port}`
  for (const args of [
    ['--listen', port, '--health-listen', '127.0.0.1:0'],
    ['--listen', '127.0.0.1:0', '--health-listen', port],
  ]) {
    const { code, stderr } = await runLatchkey(['serve', ...args], { directory: await aDirectory() })
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^latchkey: cannot listen on /),
    })
  }
})
