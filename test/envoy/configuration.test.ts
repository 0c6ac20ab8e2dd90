// The shipped Envoy configurations: accepted by every Envoy as they stand, and run by demo and tests as they are shipped.
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { parse, parseDocument } from 'yaml'
import { envoyConfig, envoyFile } from '../../src/cli/demo/envoy-config.ts'
import { OWN_HEADER_NAMES } from '../../src/grpc/upstream-headers.ts'
import { createAuthority, createCertificate } from '../support/certificates.ts'
import { aDirectory } from '../support/closing.ts'
import { inFolder, writeGatewayFolder } from '../support/gateway-rig.ts'
import { writeMtlsFolder } from '../support/mtls-rig.ts'
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

  it('accepts envoy/mtls.yaml once its folder has certificates', async () => {
    const directory = await aDirectory()
    const folder = join(directory, 'mtls')
    const authority = createAuthority('authority')
    await writeMtlsFolder(folder, createCertificate('envoy', authority), authority)
    const path = join(directory, 'envoy.yaml')
    const shipped = await readFile(envoyFile('mtls'), 'utf8')
    await writeFile(path, shipped.replaceAll('/etc/envoy/mtls', folder))
    const { stdout } = await run((await envoyOf(version)).path, [
      '--mode',
      'validate',
      '-l',
      'warn',
      '-c',
      path,
    ])
    expect(stdout).toContain('OK')
  })

  it('accepts envoy/gateway.yaml once its folder has keys and a certificate', async () => {
    const directory = await aDirectory()
    const folder = join(directory, 'gateway')
    await writeGatewayFolder(folder, createCertificate('gateway', createAuthority('authority')))
    const path = join(directory, 'envoy.yaml')
    await writeFile(path, inFolder(folder, await readFile(envoyFile('gateway'), 'utf8')))
    const { stdout } = await run((await envoyOf(version)).path, [
      '--mode',
      'validate',
      '-l',
      'warn',
      '-c',
      path,
    ])
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

it('the Envoy that speaks mTLS asks as the sidecar does, over a connection where each end shows who it is', async () => {
  const recipe = async (name: string) => parseDocument(await readFile(envoyFile(name), 'utf8'))
  const [sidecar, mtls] = await Promise.all([recipe('sidecar'), recipe('mtls')])
  for (const document of [sidecar, mtls])
    for (const part of ['type', 'connect_timeout', 'load_assignment'])
      expect(document.deleteIn([...LATCHKEY, part])).toBe(true)
  expect(mtls.deleteIn([...LATCHKEY, 'transport_socket'])).toBe(true)
  expect(mtls.deleteIn(['node'])).toBe(true)
  expect(mtls.toJS()).toEqual(sidecar.toJS())
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

it('the gateway asks Latchkey and treats what it is told as the sidecar does, over TCP and over UDP', async () => {
  const recipe = async (name: string) =>
    parseDocument(await readFile(envoyFile(name), 'utf8')).toJS().static_resources
  const [sidecar, gateway] = await Promise.all([recipe('sidecar'), recipe('gateway')])
  const connection = (file: typeof sidecar, listener: number) =>
    file.listeners[listener].filter_chains[0].filters[0].typed_config
  const plain = connection(sidecar, 0)
  const [overTcp, overUdp] = [connection(gateway, 0), connection(gateway, 1)]
  for (const http of [overTcp, overUdp]) {
    expect(http.http_filters.slice(1)).toEqual(plain.http_filters)
    for (const part of [
      'use_remote_address',
      'internal_address_config',
      'early_header_mutation_extensions',
      'common_http_protocol_options',
      'normalize_path',
      'merge_slashes',
      'path_with_escaped_slashes_action',
      'tracing',
    ])
      expect([part, http[part]]).toEqual([part, plain[part]])
    expect(http.local_reply_config.mappers[0]).toEqual(plain.local_reply_config.mappers[0])
  }
  const { stat_prefix: _, codec_type: __, ...same } = overUdp
  const { stat_prefix: ___, http2_protocol_options: ____, ...asTcp } = overTcp
  expect(same).toEqual(asTcp)
  expect(gateway.clusters[0]).toEqual(sidecar.clusters[0])
})

it.each(['sidecar', 'gateway', 'mtls'])(
  'what leaves envoy/%s.yaml for a provider outside carries none of our headers',
  async (name) => {
    const text = await readFile(envoyFile(name), 'utf8')
    const removed =
      text.split('request_headers_to_remove: &ours\n')[1]?.match(/^ +- x-latchkey-[a-z-]+$/gm) ?? []
    expect(removed.map((line) => line.trim().slice(2)).toSorted()).toEqual([...OWN_HEADER_NAMES].toSorted())
  },
)
