// The cluster that is asked: does it lead to Latchkey, over HTTP/2, and does it live through a restart?
import type { Config } from '../../config.ts'
import { workerAddress } from '../../workers/worker-address.ts'
import type { Finding } from '../finding.ts'
import { fault, fine, orFine, skipped, warning } from '../finding.ts'
import type { EnvoyFacts, Gateway } from './envoy-facts.ts'
import { askedCluster, endpointsOf, http2OptionsOf } from './envoy-facts.ts'
import type { Tree } from './tree.ts'
import { at, itemsAt, numberAt, textAt } from './tree.ts'

const CHECKS = ['envoy_endpoint', 'envoy_tls', 'envoy_breakers', 'envoy_resets', 'envoy_health']

export const examineCluster = (
  gateway: Gateway,
  facts: EnvoyFacts,
  config: Config | undefined,
): readonly Finding[] => {
  const asked = askedCluster(gateway, facts)
  if (asked === undefined)
    return [clusterAbsent(gateway), ...CHECKS.map((check) => skipped(check, 'no cluster'))]
  const { cluster, name } = asked
  const http2 = http2OptionsOf(cluster)
  return [
    http2 === undefined
      ? fault(
          'envoy_cluster',
          `cluster ${name} speaks HTTP/1.1, and gRPC needs HTTP/2`,
          'give it typed_extension_protocol_options with explicit_http_config.http2_protocol_options',
        )
      : fine('envoy_cluster', `cluster ${name} speaks HTTP/2`),
    ...orFine(
      endpointMistakes(name, cluster, config),
      'envoy_endpoint',
      'it leads to where Latchkey listens',
    ),
    ...orFine(tlsMistakes(name, cluster, config), 'envoy_tls', 'both ends speak alike'),
    ...orFine(breakerMistakes(name, cluster), 'envoy_breakers', 'a restart may be retried'),
    ...orFine(resetMistakes(name, http2), 'envoy_resets', 'many Checks given up harm no other'),
    ...orFine(healthMistakes(name, cluster), 'envoy_health', 'Envoy knows who of them serves'),
  ]
}

const clusterAbsent = ({ authz, name }: Gateway): Finding => {
  const wanted = textAt(authz, 'grpc_service', 'envoy_grpc', 'cluster_name')
  return wanted === undefined
    ? skipped('envoy_cluster', `ext_authz of ${name} names no cluster of this file`)
    : fault(
        'envoy_cluster',
        `ext_authz of ${name} asks cluster ${wanted}, which is not there`,
        'add it: the cluster latchkey of envoy/sidecar.yaml',
      )
}

const endpointMistakes = (name: string, cluster: Tree, config: Config | undefined): readonly Finding[] => {
  const endpoints = endpointsOf(cluster)
  if (config === undefined || endpoints.length === 0) return []
  const { listen, workers } = config
  const listening =
    workers === 1 ? [listen] : Array.from({ length: workers }, (_, at_) => workerAddress(listen, at_))
  const absent = listening.filter((address) => !endpoints.some((endpoint) => same(endpoint, address)))
  return absent.length === 0
    ? []
    : [
        warning(
          'envoy_endpoint',
          `Latchkey listens on ${absent.join(', ')}, and cluster ${name} leads to ${endpoints.join(', ')}`,
          'give the cluster an endpoint for each address at which Latchkey, and each worker of it, listens',
        ),
      ]
}

/** Of a host nobody knows from here by which names it goes; the port tells enough. */
const same = (endpoint: string, listening: string): boolean =>
  endpoint === listening ||
  (!endpoint.startsWith('unix:') && !listening.startsWith('unix:') && portOf(endpoint) === portOf(listening))

const portOf = (address: string): string => address.slice(address.lastIndexOf(':'))

const tlsMistakes = (name: string, cluster: Tree, config: Config | undefined): readonly Finding[] => {
  if (config === undefined) return []
  const speaks = at(cluster, 'transport_socket') !== undefined
  const wants = config.tls !== undefined
  if (speaks === wants) return []
  return [
    fault(
      'envoy_tls',
      speaks
        ? `cluster ${name} speaks TLS, and Latchkey does not`
        : `Latchkey wants TLS, and cluster ${name} has none`,
      speaks
        ? "set Latchkey's tls_… files, or take the transport_socket away"
        : 'give the cluster an UpstreamTlsContext with a certificate of the client authority',
    ),
  ]
}

const DEFAULT_RETRIES = 3

const breakerMistakes = (name: string, cluster: Tree): readonly Finding[] => {
  const thresholds = itemsAt(cluster, 'circuit_breakers', 'thresholds')
  const retries = Math.max(DEFAULT_RETRIES, ...thresholds.map((each) => numberAt(each, 'max_retries') ?? 0))
  return retries > DEFAULT_RETRIES
    ? []
    : [
        warning(
          'envoy_breakers',
          `cluster ${name} retries ${retries} Checks at a time, so a restart refuses requests`,
          'set circuit_breakers: { thresholds: [{ max_requests: 16384, max_pending_requests: 4096, max_retries: 4096 }] }',
        ),
      ]
}

const DEFAULT_CONTROL_FRAMES = 1_000

const resetMistakes = (name: string, http2: Tree): readonly Finding[] => {
  const frames = numberAt(http2, 'max_outbound_control_frames') ?? DEFAULT_CONTROL_FRAMES
  return frames > DEFAULT_CONTROL_FRAMES
    ? []
    : [
        warning(
          'envoy_resets',
          `${frames} Checks given up at once close the connection of cluster ${name}, under all others`,
          'set http2_protocol_options: { max_outbound_control_frames: 100000 }',
        ),
      ]
}

const DEFAULT_PANIC = 50

const healthMistakes = (name: string, cluster: Tree): readonly Finding[] => {
  if (endpointsOf(cluster).length < 2) return []
  if (itemsAt(cluster, 'health_checks').length === 0)
    return [
      warning(
        'envoy_health',
        `cluster ${name} has several endpoints and no health check: Checks go to one that left`,
        'take health_checks from envoy/two-sidecars.yaml',
      ),
    ]
  const panic = numberAt(cluster, 'common_lb_config', 'healthy_panic_threshold') ?? DEFAULT_PANIC
  return panic < DEFAULT_PANIC
    ? []
    : [
        warning(
          'envoy_health',
          `with half of cluster ${name} out Envoy panics, and asks those too`,
          'set common_lb_config: { healthy_panic_threshold: { value: 0 } }',
        ),
      ]
}
