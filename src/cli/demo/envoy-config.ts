// Puts addresses into one of the shipped Envoy configurations and leaves all else as it is shipped.
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Document } from 'yaml'
import { parseDocument } from 'yaml'

/** By `tls` what the shipped file says of TLS with it stays; without, it is spoken to plainly. */
export type Endpoint = Readonly<{ host: string; port: number; tls?: true }> | Readonly<{ socket: string }>

export type EnvoyAddresses = Readonly<{
  /** 0: any port, told by Envoy's admin interface. */
  listenPort: number
  adminPort: number
  /** By name of the cluster. Those not named keep their address. */
  clusters: Readonly<Record<string, Endpoint>>
}>

/** The text of `envoy/<name>.yaml` with these addresses. `change` is for tests of what happens without a setting. */
export const envoyConfig = async (
  name: 'demo' | 'sidecar' | 'two-sidecars' | 'workers' | 'gateway' | 'mtls',
  addresses: EnvoyAddresses,
  change: (document: Document) => void = () => {},
): Promise<string> => {
  const document = parseDocument(await readFile(envoyFile(name), 'utf8'))
  setListen(document, ['admin', 'address', 'socket_address'], addresses.adminPort)
  setListen(document, ['static_resources', 'listeners', 0, 'address', 'socket_address'], addresses.listenPort)
  for (const [cluster, endpoint] of Object.entries(addresses.clusters))
    setCluster(document, cluster, endpoint)
  change(document)
  return document.toString()
}

export const envoyFile = (name: string): string =>
  join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', 'envoy', `${name}.yaml`)

const setListen = (document: Document, path: readonly (string | number)[], port: number): void => {
  document.setIn([...path, 'address'], '127.0.0.1')
  document.setIn([...path, 'port_value'], port)
}

/** A cluster that was found by name over TLS becomes a plain one on this machine. */
const setCluster = (document: Document, name: string, endpoint: Endpoint): void => {
  const path = ['static_resources', 'clusters', clusterIndex(document, name)]
  document.setIn([...path, 'type'], 'STATIC')
  if (!('tls' in endpoint)) document.deleteIn([...path, 'transport_socket'])
  document.deleteIn([...path, 'dns_lookup_family'])
  const address =
    'socket' in endpoint
      ? { pipe: { path: endpoint.socket } }
      : { socket_address: { address: endpoint.host, port_value: endpoint.port } }
  document.setIn(
    [...path, 'load_assignment', 'endpoints', 0, 'lb_endpoints', 0, 'endpoint', 'address'],
    address,
  )
}

const clusterIndex = (document: Document, name: string): number => {
  for (let index = 0; ; index += 1) {
    const found = document.getIn(['static_resources', 'clusters', index, 'name'])
    if (found === name) return index
    if (found === undefined) throw new Error(`the Envoy configuration has no cluster ${name}`)
  }
}
