// The shipped Envoy configurations: accepted by every Envoy as they stand, and run by demo and tests as they are shipped.
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { parse, parseDocument } from 'yaml'
import { envoyConfig, envoyFile } from '../../src/cli/demo/envoy-config.ts'
import { OWN_HEADER_NAMES } from '../../src/grpc/upstream-headers.ts'
import { ENVOYS, envoyOf } from '../support/tested-envoys.ts'

const run = promisify(execFile)

const HCM = ['static_resources', 'listeners', 0, 'filter_chains', 0, 'filters', 0, 'typed_config']
const LATCHKEY = ['static_resources', 'clusters', 0]

describe.each(ENVOYS)('Envoy %s', (version) => {
  it.each(['demo', 'sidecar', 'two-sidecars', 'workers'])(
    'accepts envoy/%s.yaml as it is shipped',
    async (name) => {
      const { path } = await envoyOf(version)
      const { stdout } = await run(path, ['--mode', 'validate', '--log-level', 'warn', '-c', envoyFile(name)])
      expect(stdout).toContain('OK')
    },
  )
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

it('with two Latchkeys only how they are asked is different', async () => {
  const recipe = async (name: string) => parseDocument(await readFile(envoyFile(name), 'utf8'))
  const [one, two] = await Promise.all([recipe('sidecar'), recipe('two-sidecars')])
  const service = [...HCM, 'http_filters', 0, 'typed_config', 'grpc_service']
  for (const document of [one, two]) {
    for (const part of [['timeout'], ['retry_policy', 'num_retries'], ['retry_policy', 'retry_back_off']])
      expect(document.deleteIn([...service, ...part])).toBe(true)
    expect(document.deleteIn([...LATCHKEY, 'load_assignment'])).toBe(true)
  }
  for (const part of ['health_checks', 'common_lb_config'])
    expect(two.deleteIn([...LATCHKEY, part])).toBe(true)
  expect(two.toJS()).toEqual(one.toJS())
})

it('with two workers only the sockets are different, the balance, and that a retry goes elsewhere in time', async () => {
  const recipe = async (name: string) => parseDocument(await readFile(envoyFile(name), 'utf8'))
  const [two, workers] = await Promise.all([recipe('two-sidecars'), recipe('workers')])
  const service = [...HCM, 'http_filters', 0, 'typed_config', 'grpc_service']
  for (const part of ['retry_host_predicate', 'host_selection_retry_max_attempts'])
    expect(workers.deleteIn([...service, 'retry_policy', part])).toBe(true)
  expect(workers.deleteIn([...LATCHKEY, 'lb_policy'])).toBe(true)
  for (const document of [two, workers]) {
    expect(document.deleteIn([...service, 'timeout'])).toBe(true)
    expect(document.deleteIn([...LATCHKEY, 'load_assignment'])).toBe(true)
    expect(document.deleteIn([...LATCHKEY, 'common_lb_config', 'healthy_panic_threshold'])).toBe(true)
  }
  expect(workers.toJS()).toEqual(two.toJS())
})

it('what leaves for a provider outside carries none of our headers', async () => {
  const text = await readFile(envoyFile('sidecar'), 'utf8')
  const removed =
    text.split('request_headers_to_remove: &ours\n')[1]?.match(/^ +- x-latchkey-[a-z-]+$/gm) ?? []
  expect(removed.map((line) => line.trim().slice(2)).toSorted()).toEqual([...OWN_HEADER_NAMES].toSorted())
})
