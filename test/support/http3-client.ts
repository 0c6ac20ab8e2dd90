// A client that speaks HTTP/3: an Envoy of its own, which takes plain requests on loopback and sends them on over QUIC.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { EnvoyBinary } from '../../src/cli/demo/envoy-binary.ts'
import type { EnvoyProcess } from '../../src/cli/demo/envoy-process.ts'
import { startEnvoy } from '../../src/cli/demo/envoy-process.ts'

export type Http3ClientOptions = Readonly<{
  binary: EnvoyBinary
  directory: string
  /** The UDP port of the server, on loopback. */
  port: number
  authorityPem: string
}>

export const startHttp3Client = async (options: Http3ClientOptions): Promise<EnvoyProcess> => {
  const directory = join(options.directory, 'http3-client')
  await mkdir(directory)
  return startEnvoy({ binary: options.binary, directory, config: stringify(configOf(options)) })
}

const TYPE = 'type.googleapis.com/envoy.extensions'

const configOf = ({ port, authorityPem }: Http3ClientOptions) => ({
  admin: { address: socketAddress(0) },
  static_resources: {
    listeners: [{ name: 'plain', address: socketAddress(0), filter_chains: [{ filters: [HTTP] }] }],
    clusters: [
      {
        name: 'server',
        load_assignment: {
          cluster_name: 'server',
          endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(port, 'UDP') } }] }],
        },
        transport_socket: {
          name: 'envoy.transport_sockets.quic',
          typed_config: {
            '@type': `${TYPE}.transport_sockets.quic.v3.QuicUpstreamTransport`,
            upstream_tls_context: {
              sni: 'localhost',
              common_tls_context: { validation_context: { trusted_ca: { inline_string: authorityPem } } },
            },
          },
        },
        typed_extension_protocol_options: {
          'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
            '@type': `${TYPE}.upstreams.http.v3.HttpProtocolOptions`,
            explicit_http_config: { http3_protocol_options: {} },
          },
        },
      },
    ],
  },
})

const socketAddress = (port: number, protocol = 'TCP') => ({
  socket_address: { protocol, address: '127.0.0.1', port_value: port },
})

const HTTP = {
  name: 'envoy.filters.network.http_connection_manager',
  typed_config: {
    '@type': `${TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'plain',
    route_config: {
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [{ match: { prefix: '/' }, route: { cluster: 'server', timeout: '60s' } }],
        },
      ],
    },
    http_filters: [
      {
        name: 'envoy.filters.http.router',
        typed_config: { '@type': `${TYPE}.filters.http.router.v3.Router` },
      },
    ],
  },
}
