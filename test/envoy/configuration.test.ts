// The shipped Envoy configurations: accepted by every Envoy as they stand, and run by demo and tests as they are shipped.
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { envoyConfig, envoyFile } from '../../src/cli/demo/envoy-config.ts'
import { OWN_HEADER_NAMES } from '../../src/grpc/upstream-headers.ts'
import { ENVOYS, envoyOf } from '../support/tested-envoys.ts'

const run = promisify(execFile)

describe.each(ENVOYS)('Envoy %s', (version) => {
  it.each(['demo', 'sidecar'])('accepts envoy/%s.yaml as it is shipped', async (name) => {
    const { path } = await envoyOf(version)
    const { stdout } = await run(path, ['--mode', 'validate', '--log-level', 'warn', '-c', envoyFile(name)])
    expect(stdout).toContain('OK')
  })
})

it('the demo changes addresses and nothing else', async () => {
  const clusters = { latchkey: { host: '127.0.0.1', port: 1 }, openai: { host: '127.0.0.1', port: 2 } }
  const changed = await envoyConfig('demo', { listenPort: 3, adminPort: 4, clusters })
  const shipped = await readFile(envoyFile('demo'), 'utf8')
  const ports = ['9191', '10001', '10000', '9901']
  const back = ports.reduce(
    (text, port, index) => text.replace(`port_value: ${index + 1} `, `port_value: ${port} `),
    changed,
  )
  expect(parse(back)).toEqual(parse(shipped))
})

it('what leaves for a provider outside carries none of our headers', async () => {
  const text = await readFile(envoyFile('sidecar'), 'utf8')
  const removed =
    text.split('request_headers_to_remove: &ours\n')[1]?.match(/^ +- x-latchkey-[a-z-]+$/gm) ?? []
  expect(removed.map((line) => line.trim().slice(2)).toSorted()).toEqual([...OWN_HEADER_NAMES].toSorted())
})
