// Requests a second through a real Envoy, with and without asking Latchkey, in one interleaved run.
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import type { Document } from 'yaml'
import { parseDocument } from 'yaml'
import { findEnvoy } from '../src/cli/demo/envoy-binary.ts'
import { envoyConfig } from '../src/cli/demo/envoy-config.ts'
import type { EnvoyProcess } from '../src/cli/demo/envoy-process.ts'
import { startEnvoy } from '../src/cli/demo/envoy-process.ts'
import { startReplica } from '../test/support/replicas.ts'
import type { HttpLoadResult } from './load-http.ts'
import { prepareStore } from './prepare-store.ts'
import { runLoad } from './processes.ts'
import type { Spread } from './statistics.ts'
import { spreadOf } from './statistics.ts'

export type EnvoyFigure = Readonly<{ name: string; rate: Spread; p50Ms: Spread; p99Ms: Spread }>

const CONNECTIONS = 32
const BODY = JSON.stringify({
  model: 'gpt-4o-mini',
  messages: [{ role: 'user', content: 'What is a latchkey?' }],
})
const ANSWER = JSON.stringify({ id: 'bench', object: 'chat.completion', choices: [] })

export const measureEnvoy = async (
  { directory, rounds }: Readonly<{ directory: string; rounds: number }>,
  say: (sentence: string) => void,
): Promise<Readonly<{ version: string; figures: readonly EnvoyFigure[] }>> => {
  const binary = await findEnvoy({ envoyBin: process.env['ENVOY_BIN'], report: say })
  const url = `sqlite:${join(directory, 'envoy.db')}`
  // One key without a limit and one route: as small as a real set-up gets.
  const model = { name: 'gpt-4o*', route: 'openai', guardrails: [] }
  const [secret = ''] = await prepareStore(url, { keys: [[]], models: [model] })
  const latchkey = await startReplica(directory, 'envoy', url)
  const socket = latchkey.address.replace('unix:', '')
  const envoys: EnvoyProcess[] = []
  const start = async (config: string) => {
    const envoy = await startEnvoy({ binary, config, directory: await mkdtemp(join(directory, 'envoy-')) })
    envoys.push(envoy)
    return envoy.port
  }
  try {
    const upstream = await start(UPSTREAM)
    const withLatchkey = await start(await demoConfig(socket, upstream, keepEverything))
    const without = await start(await demoConfig(socket, upstream, askNobody))
    const subjects = [
      { name: 'without ext_authz', port: without },
      { name: 'with ext_authz and Latchkey', port: withLatchkey },
    ]
    return { version: binary.version, figures: await measure(subjects, requestOf(secret), rounds, say) }
  } finally {
    for (const envoy of envoys) await envoy.stop()
    await latchkey.stop()
  }
}

const measure = async (
  subjects: readonly Readonly<{ name: string; port: number }>[],
  request: string,
  rounds: number,
  say: (sentence: string) => void,
): Promise<readonly EnvoyFigure[]> => {
  const results = subjects.map((): HttpLoadResult[] => [])
  for (let round = 1; round <= rounds; round += 1) {
    say(`Envoy, round ${round} of ${rounds}`)
    for (const [index, { name, port }] of subjects.entries()) {
      const load = { port, request, connections: CONNECTIONS, warmMs: 500, measureMs: 2_000 }
      const result = await runLoad<HttpLoadResult>('load-http.ts', load, undefined)
      const other = Object.keys(result.statuses).filter((status) => status !== '200')
      if (other.length > 0) throw new Error(`${name}: answers of status ${other.join(', ')} in place of 200`)
      results[index]?.push(result)
    }
  }
  return subjects.map(({ name }, index) => {
    const all = results[index] ?? []
    return {
      name,
      rate: spreadOf(all.map(({ requests, seconds }) => requests / seconds)),
      p50Ms: spreadOf(all.map(({ p50Ms }) => p50Ms)),
      p99Ms: spreadOf(all.map(({ p99Ms }) => p99Ms)),
    }
  })
}

/** The shipped demo configuration with these addresses; nothing is traced, and no access log is written. */
const demoConfig = (
  socket: string,
  upstream: number,
  change: (document: Document) => void,
): Promise<string> =>
  envoyConfig(
    'demo',
    {
      listenPort: 0,
      adminPort: 0,
      clusters: { latchkey: { socket }, openai: { host: '127.0.0.1', port: upstream } },
    },
    (document) => {
      document.deleteIn([...MANAGER, 'tracing'])
      document.deleteIn([...MANAGER, 'access_log'])
      change(document)
    },
  )

const LISTENER = ['static_resources', 'listeners', 0]
const MANAGER = [...LISTENER, 'filter_chains', 0, 'filters', 0, 'typed_config']

const keepEverything = () => {}

/** The same Envoy without the question: the header that chooses the route is put there in place of Latchkey. */
const askNobody = (document: Document) => {
  document.deleteIn([...MANAGER, 'http_filters', 0])
  document.setIn(
    [...MANAGER, 'early_header_mutation_extensions', 0, 'typed_config', 'mutations', 1],
    document.createNode({
      append: {
        header: { key: 'x-latchkey-route', value: 'openai' },
        append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
      },
    }),
  )
}

/** A model server that costs next to nothing: an Envoy that answers by itself. */
const UPSTREAM = parseDocument(`
admin: { address: { socket_address: { address: 127.0.0.1, port_value: 0 } } }
static_resources:
  listeners:
    - name: upstream
      address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: upstream
                route_config:
                  virtual_hosts:
                    - name: upstream
                      domains: ["*"]
                      routes:
                        - match: { prefix: / }
                          direct_response: { status: 200, body: { inline_string: ${JSON.stringify(ANSWER)} } }
                http_filters:
                  - name: envoy.filters.http.router
                    typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
`).toString()

const requestOf = (secret: string): string =>
  [
    'POST /v1/chat/completions HTTP/1.1',
    'host: models.internal',
    'content-type: application/json',
    `authorization: Bearer ${secret}`,
    `content-length: ${BODY.length}`,
    '',
    BODY,
  ].join('\r\n')
