// Which clients may ask: of those with a certificate of the right authority, the ones that bear a listed name.
import type { ServerInterceptingCallInterface, ServerInterceptor } from '@grpc/grpc-js'
import { ServerInterceptingCall, status } from '@grpc/grpc-js'
import type { Logger } from '../telemetry/logger.ts'

/**
 * Every call of a client without a listed name ends with PERMISSION_DENIED before a byte of its message is read: to
 * Envoy an error, never an Allow. `listed` holds DNS names and URIs; what holds a colon
 * is a URI.
 */
export const admitClients = (listed: readonly string[], log: Logger): ServerInterceptor => {
  const names = new Set(listed.map((name) => comparable(name.includes(':') ? 'URI' : 'DNS', name)))
  // Reading a certificate costs 66 µs, and a connection shows the same one as long as it stands.
  const admittedOn = new WeakMap<object, boolean>()
  const isAdmitted = (call: ServerInterceptingCallInterface): boolean => {
    const connection = connectionOf(call)
    const known = connection === undefined ? undefined : admittedOn.get(connection)
    if (known !== undefined) return known
    const certificate = call.getAuthContext().sslPeerCertificate
    const borne = certificate === undefined ? [] : namesIn(certificate)
    const admitted = borne.some((name) => names.has(name))
    if (connection !== undefined) admittedOn.set(connection, admitted)
    if (!admitted)
      log.warn({ peer: call.getPeer(), names: borne }, 'client refused: tls_client_names lists no name of it')
    return admitted
  }
  return (_method, call) => new ServerInterceptingCall(call, isAdmitted(call) ? undefined : refusing(call))
}

/** As `DNS:name` and `URI:name`; other kinds, and the common name, name nobody. */
export const namesIn = ({ subjectaltname }: Readonly<{ subjectaltname?: string }>): readonly string[] =>
  [...(subjectaltname ?? '').matchAll(ALTERNATIVE_NAME)].flatMap(([, kind, value = '']) =>
    kind === 'DNS' || kind === 'URI' ? [comparable(kind, unquoted(value))] : [],
  )

/**
 * Node writes `DNS:a, URI:b`, and what could be mistaken for the text around it as a JSON string (CVE-2021-44532):
 * without reading the quotes a name that holds `, URI:…` would be two.
 */
const ALTERNATIVE_NAME = /(?:^|, )([^:,"]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?=, |$)/gy

const unquoted = (value: string): string => (value.startsWith('"') ? String(JSON.parse(value)) : value)

/** A DNS name knows no case; of a URI every byte counts. A name of one kind never stands for one of the other. */
const comparable = (kind: 'DNS' | 'URI', name: string): string =>
  `${kind}:${kind === 'DNS' ? name.toLowerCase() : name}`

/** grpc-js keeps the stream to itself; were it to move, each call would read the certificate again. */
const connectionOf = (call: ServerInterceptingCallInterface): object | undefined => {
  const stream: unknown = Reflect.get(call, 'stream')
  const session: unknown =
    typeof stream === 'object' && stream !== null ? Reflect.get(stream, 'session') : undefined
  return typeof session === 'object' && session !== null ? session : undefined
}

const refusing = (call: ServerInterceptingCallInterface) => ({
  start: () =>
    call.sendStatus({
      code: status.PERMISSION_DENIED,
      details: 'the names in the certificate of this client are not admitted here',
    }),
})
