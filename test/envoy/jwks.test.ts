// The public keys of attestations through Envoy, by the route and the cluster that the manual shows.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Document } from 'yaml'
import { isSeq, parse } from 'yaml'
import { listenOn } from '../../src/cli/demo/listen.ts'
import type { Lifecycle } from '../../src/kernel/lifecycle.ts'
import { createLifecycle } from '../../src/kernel/lifecycle.ts'
import { nodeVerifier } from '../support/attestation-verifiers.ts'
import { aSigningKey, pemOf } from '../support/attestations.ts'
import type { EnvoyRig, MintedKey } from '../support/envoy-rig.ts'
import { startEnvoyRig } from '../support/envoy-rig.ts'
import { header } from '../support/raw-client.ts'
import { ENVOYS } from '../support/tested-envoys.ts'

const JWKS_PATH = '/.well-known/jwks.json'
const CLUSTERS = ['static_resources', 'clusters']
const ROUTES = [
  ...['static_resources', 'listeners', 0, 'filter_chains', 0, 'filters', 0, 'typed_config'],
  ...['route_config', 'virtual_hosts', 0, 'routes'],
]
const ADDRESS = ['load_assignment', 'endpoints', 0, 'lb_endpoints', 0, 'endpoint', 'address']

const local = (port: number) => ({ socket_address: { address: '127.0.0.1', port_value: port } })

/** As the manual shows them. */
const shown = async (): Promise<Readonly<{ route: unknown; cluster: unknown }>> => {
  const manual = await readFile(new URL('../../docs/guardrails.md', import.meta.url), 'utf8')
  const blocks = [...manual.matchAll(/```yaml\n(.*?)```/gs)].map(([, text = '']): unknown => parse(text))
  const lists = blocks.filter((block) => Array.isArray(block))
  const holding = (word: string) => lists.find((list) => JSON.stringify(list).includes(word))?.[0]
  return { route: holding(JWKS_PATH), cluster: holding('cluster_name') }
}

const unshift = (document: Document, path: readonly unknown[], value: unknown): void => {
  const list = document.getIn(path)
  if (!isSeq(list)) throw new Error(`no list at ${path.join('.')}`)
  list.items.unshift(document.createNode(value))
}

describe.each(ENVOYS)('Envoy %s', (version) => {
  let lifecycle: Lifecycle
  let rig: EnvoyRig
  let key: MintedKey
  beforeAll(async () => {
    lifecycle = createLifecycle()
    const directory = await mkdtemp(join(tmpdir(), 'latchkey-test-'))
    lifecycle.onClose('directory', () => rm(directory, { recursive: true }))
    const keyFile = join(directory, 'attestation.pem')
    await writeFile(keyFile, pemOf(aSigningKey()))
    // Envoy is told an address before the health listener has one.
    const health = await listenOn(
      createServer((request, response) => {
        void fetch(`http://${rig.app.healthAddress}${request.url}`).then(async (answer) =>
          response.writeHead(answer.status, [...answer.headers]).end(await answer.text()),
        )
      }),
    )
    lifecycle.onClose('health', health.close)
    const { route, cluster } = await shown()
    rig = await startEnvoyRig({
      version,
      settings: { attestation_key_file: keyFile, health_listen: '127.0.0.1:0' },
      change: (document) => {
        unshift(document, ROUTES, route)
        unshift(document, CLUSTERS, cluster)
        document.setIn([...CLUSTERS, 0, ...ADDRESS], local(health.port))
      },
    })
    lifecycle.onClose('rig', rig.close)
    key = await rig.createKey()
  })
  afterAll(() => lifecycle.close())

  it('anybody gets the public keys there, by which a model server verifies', async () => {
    const answer = await rig.send({ method: 'GET', path: JWKS_PATH, headers: [], body: '' })
    expect([answer.status, header(answer, 'content-type')]).toEqual([200, 'application/jwk-set+json'])
    expect(answer.body).not.toContain('"d"')
    const { verify } = await nodeVerifier({ jwksUrl: `http://127.0.0.1:${rig.envoy.port}${JWKS_PATH}` })
    await rig.chat(key.secret, 'llama-3')
    const headers = rig.received()[0]?.headers.map(([name, value]) => [name.toLowerCase(), value] as const)
    expect(await verify(Object.fromEntries(headers ?? []))).toMatchObject({ sub: key.id })
  })

  it.each(['/metrics', `${JWKS_PATH}/`, `${JWKS_PATH}x`, `/.well-known/../metrics`])(
    'nothing else is there without a key: %s',
    async (path) => {
      const answer = await rig.send({ method: 'GET', path, headers: [], body: '' })
      expect([answer.status, JSON.parse(answer.body).error.code]).toEqual([401, 'missing_key'])
    },
  )
})
