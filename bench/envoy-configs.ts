// The Envoys of a measurement: the shipped demo configuration with and without the question, and a model server that costs next to nothing.
import type { Document } from 'yaml'
import { parseDocument } from 'yaml'
import { envoyConfig } from '../src/cli/demo/envoy-config.ts'

/** The shipped demo configuration before this upstream; without `socket` nobody is asked. */
export const benchConfig = (upstream: number, socket: string | undefined): Promise<string> =>
  socket === undefined
    ? demoConfig('/nowhere', upstream, askNobody)
    : demoConfig(socket, upstream, keepEverything)

const ANSWER = JSON.stringify({ id: 'bench', object: 'chat.completion', choices: [] })

/** A model server that costs next to nothing: an Envoy that answers by itself. */
export const UPSTREAM = parseDocument(`
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
