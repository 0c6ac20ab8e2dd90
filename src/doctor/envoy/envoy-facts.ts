// Reads a bootstrap of Envoy: its gateways, each with the filter that asks Latchkey, its routes, and the clusters.
import { readFileSync } from 'node:fs'
import { LineCounter, parseDocument } from 'yaml'
import type { Tree } from './tree.ts'
import { at, entriesAt, isOfType, itemsAt, textAt, toTree } from './tree.ts'

export type Route = Readonly<{
  /** For people: virtual host and route. */
  where: string
  route: Tree
  /** What holds for it, the nearest first: itself, its virtual host, the route configuration. */
  levels: readonly Tree[]
}>

export type Gateway = Readonly<{
  /** The name of its listener. */
  name: string
  listener: Tree
  manager: Tree
  filters: readonly Tree[]
  /** Where ext_authz stands among the filters; -1 when it is absent. */
  authzIndex: number
  /** Empty object when it is absent. */
  authz: Tree
  routes: readonly Route[]
}>

export type EnvoyFacts = Readonly<{
  gateways: readonly Gateway[]
  clusters: ReadonlyMap<string, Tree>
  /** `layered_runtime`. */
  runtime: Tree
}>

/** Throws what the file system throws, or where it is no YAML. JSON is YAML too. */
export const readEnvoyFile = (path: string): EnvoyFacts => envoyFacts(parsed(readFileSync(path, 'utf8')))

/** What the parser says of a mistake is not told: it repeats what stands there, which may be a provider's key. */
const parsed = (text: string): unknown => {
  const lines = new LineCounter()
  let wrong: number | undefined
  try {
    const document = parseDocument(text, { merge: true, lineCounter: lines, prettyErrors: false })
    wrong = document.errors[0]?.pos[0]
    if (wrong === undefined) return document.toJS({ maxAliasCount: 1_000 })
  } catch {
    throw new Error('it is nested too deeply, or an alias in it stands for nothing or for too much')
  }
  throw new Error(`line ${lines.linePos(wrong).line} is not YAML`)
}

export const envoyFacts = (document: unknown): EnvoyFacts => {
  const bootstrap = toTree(document)
  const resources = at(bootstrap, 'static_resources')
  return {
    gateways: itemsAt(resources, 'listeners').flatMap(gatewaysOf),
    clusters: new Map(
      itemsAt(resources, 'clusters').map((cluster) => [textAt(cluster, 'name') ?? '', cluster]),
    ),
    runtime: at(bootstrap, 'layered_runtime'),
  }
}

const gatewaysOf = (listener: Tree): readonly Gateway[] =>
  [...itemsAt(listener, 'filter_chains'), at(listener, 'default_filter_chain')]
    .flatMap((chain) => itemsAt(chain, 'filters'))
    .map((filter) => at(filter, 'typed_config'))
    .filter((config) => isOfType(config, 'HttpConnectionManager'))
    .map((manager) => gatewayOf(listener, manager))

const gatewayOf = (listener: Tree, manager: Tree): Gateway => {
  const filters = itemsAt(manager, 'http_filters')
  const authzIndex = filters.findIndex((filter) =>
    isOfType(at(filter, 'typed_config'), 'ext_authz.v3.ExtAuthz'),
  )
  return {
    name: textAt(listener, 'name') ?? 'without a name',
    listener,
    manager,
    filters,
    authzIndex,
    authz: at(filters[authzIndex], 'typed_config') ?? {},
    routes: routesOf(manager),
  }
}

const routesOf = (manager: Tree): readonly Route[] => {
  const table = at(manager, 'route_config')
  return itemsAt(table, 'virtual_hosts').flatMap((host) =>
    itemsAt(host, 'routes').map((route, index) => ({
      where: `${textAt(host, 'name') ?? '?'}/${textAt(route, 'name') ?? index}`,
      route,
      levels: [route, host, table],
    })),
  )
}

/** The cluster that is asked, and its name; undefined when there is none or Envoy asks in another way. */
export const askedCluster = (
  { authz }: Gateway,
  { clusters }: EnvoyFacts,
): Readonly<{ name: string; cluster: Tree }> | undefined => {
  const name = textAt(authz, 'grpc_service', 'envoy_grpc', 'cluster_name')
  const cluster = name === undefined ? undefined : clusters.get(name)
  return name === undefined || cluster === undefined ? undefined : { name, cluster }
}

/** `unix:PATH` or `HOST:PORT` of each. */
export const endpointsOf = (cluster: Tree): readonly string[] =>
  itemsAt(cluster, 'load_assignment', 'endpoints')
    .flatMap((locality) => itemsAt(locality, 'lb_endpoints'))
    .map((each) => at(each, 'endpoint', 'address'))
    .map((address) => {
      const pipe = textAt(address, 'pipe', 'path')
      const socket = at(address, 'socket_address')
      return pipe === undefined
        ? `${textAt(socket, 'address') ?? '?'}:${textAt(socket, 'port_value') ?? '?'}`
        : `unix:${pipe}`
    })

/** The options of HTTP/2 towards a cluster; undefined when it does not speak it. */
export const http2OptionsOf = (cluster: Tree): Tree => {
  const typed = entriesAt(cluster, 'typed_extension_protocol_options').find(([, options]) =>
    isOfType(options, 'HttpProtocolOptions'),
  )?.[1]
  return (
    at(typed, 'explicit_http_config', 'http2_protocol_options') ??
    at(typed, 'auto_config', 'http2_protocol_options') ??
    at(cluster, 'http2_protocol_options')
  )
}
