// Every setting there is: its form, its default and its one line of help.
import { z } from 'zod'
import { factsOf } from './form.ts'
import {
  choice,
  countOrOff,
  duration,
  durationOrOff,
  fileMode,
  percentOrOff,
  rate,
  size,
  text,
  wholeNumber,
} from './forms.ts'
import { keyFormats } from './key-formats.ts'
import { clientNames, headerName, headerNames, upstreamHeaderName } from './name-forms.ts'

const HOST_AND_PORT = String.raw`(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):\d{1,5}`

/**
 * The name is the YAML field; the environment variable and the flag follow from it (sources.ts). Defaults are texts as a person would
 * write them, read like any other value.
 */
export const settingsSchema = z.strictObject({
  database_url: text('sqlite:PATH or mysql://…', /^(sqlite:.|mysql:\/\/.)/s, { secret: true })
    .prefault('sqlite:latchkey.db')
    .describe('where the store is: sqlite:PATH or mysql://USER:PASSWORD@HOST:PORT/DATABASE'),
  listen: text('unix:/PATH or HOST:PORT', new RegExp(`^(unix:/.+|${HOST_AND_PORT})$`))
    .prefault('127.0.0.1:9191')
    .describe('where Envoy asks: unix:/PATH or HOST:PORT'),
  transport: choice('lane', 'grpc-js')
    .prefault('lane')
    .describe('what carries Checks: lane, or grpc-js, to which TLS and what is beyond loopback go anyway'),
  reflection: choice('off', 'on')
    .prefault('off')
    .describe('whether tools such as grpcurl may ask which calls there are; needs grpc-js to carry Checks'),
  workers: wholeNumber(1, 64)
    .prefault('1')
    .describe(
      'processes that answer Checks, on listen with .0, .1 … or on that port and the next ones; not with SQLite',
    ),
  socket_mode: fileMode().prefault('0660').describe('permissions of the socket file'),
  socket_group: text('a group name or number', /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/)
    .optional()
    .describe('group of the socket file'),
  tls_cert_file: path().describe('PEM certificate chain of the Check server'),
  tls_key_file: path().describe('PEM private key of the Check server'),
  tls_client_ca_file: path().describe('PEM authorities of which a client must show a certificate'),
  tls_client_names: clientNames()
    .optional()
    .describe(
      'DNS names and URIs, exact, of which a client must have one in its certificate; without it any certificate will do',
    ),
  tls_reload_interval: duration('10ms', '1h')
    .prefault('10s')
    .describe(
      'time between two looks at the TLS files and the attestation keys; a change that two looks found alike is taken into use',
    ),
  plaintext: choice('loopback', 'anywhere')
    .prefault('loopback')
    .describe('where Checks may be answered without TLS; anywhere trusts everybody who reaches the address'),
  max_connection_age: durationOrOff('10ms', '24h')
    .prefault('30m')
    .describe(
      'age, a tenth more or less, at which a TCP connection is replaced: without losing a Check when Envoy retries refused streams',
    ),
  health_listen: text('HOST:PORT or off', new RegExp(`^(off|${HOST_AND_PORT})$`))
    .prefault('127.0.0.1:9193')
    .describe('where /livez, /readyz, /metrics and /.well-known/jwks.json are served: HOST:PORT or off'),
  check_timeout: duration('50ms', '5m')
    .prefault('10s')
    .describe('longest time that a Check may take, whatever Envoy allows'),
  max_body: size('0B', '256MiB').prefault('8MiB').describe('largest request body that Envoy may send along'),
  drain_delay: duration('0s', '1h')
    .prefault('1s')
    .describe('time between NOT_SERVING and closing, for health checks to notice'),
  failure_answer: choice('in_band', 'grpc_error', 'error_response')
    .prefault('in_band')
    .describe(
      'when the answer cannot be known: in_band 503, or grpc_error or error_response (Envoy 1.37), which leave it to Envoy',
    ),
  credential_headers: headerNames()
    .prefault('authorization,x-api-key,api-key,x-goog-api-key,sec-websocket-protocol')
    .describe(
      'headers that may carry a key; all of them are removed on Allow, of sec-websocket-protocol only the key',
    ),
  key_formats: keyFormats()
    .prefault('lk_:39:crc32')
    .describe('accepted key formats, prefix:length:checksum; the first one mints'),
  model_header: headerName().optional().describe('request header that may name the model beside the body'),
  forwarded_for_depth: wholeNumber(0, 16)
    .prefault('0')
    .describe(
      'which entry of x-forwarded-for is the client, counted from its end, where trusted proxies write it; 0 trusts none and takes the connection',
    ),
  shadow_mode: choice('off', 'on')
    .prefault('off')
    .describe('on: what rules and limits would refuse passes, uncharged, and is told of; for every key'),
  shadow_header: choice('off', 'on')
    .prefault('off')
    .describe('on: clients are told in x-latchkey-would-deny what shadow mode let pass'),
  guardrail_header: upstreamHeaderName()
    .optional()
    .describe('second name under which the model server is told the guardrails; Envoy must let it be set'),
  attestation_key_file: path().describe(
    'private keys, PEM or a JWK set, Ed25519 or P-256: the first signs x-latchkey-attestation, all are published',
  ),
  attestation_ttl: duration('1s', '1h').prefault('60s').describe('how long an attestation is valid'),
  attestation_issuer: text('visible ASCII characters', /^[!-~]{1,256}$/)
    .prefault('latchkey')
    .describe('who an attestation says it is from (iss)'),
  attestation_audience: text('visible ASCII characters', /^[!-~]{1,256}$/)
    .optional()
    .describe('who an attestation says it is for (aud); without it there is no such claim'),
  cache_max_entries: wholeNumber(1, 10_000_000)
    .prefault('100000')
    .describe('most keys remembered; of known-absent ones a tenth as many, beside them'),
  cache_max_size: size('64KiB', '16GiB')
    .prefault('64MiB')
    .describe('most memory that remembered keys may take, a tenth of it known-absent ones'),
  cache_positive_ttl: duration('1ms', '1h')
    .prefault('10m')
    .describe('how long a key that exists is remembered while the feed of changes works'),
  cache_unfed_ttl: duration('1ms', '1h')
    .prefault('5s')
    .describe('how long a key that exists is used without asking while the feed of changes does not work'),
  stale_grace: duration('0s', '1h')
    .prefault('60s')
    .describe('how long a remembered key without limits is still served when the store does not answer'),
  feed_interval: duration('10ms', '1m')
    .prefault('200ms')
    .describe('time between two looks at what other processes changed'),
  cache_absent_ttl: duration('1ms', '1h')
    .prefault('1s')
    .describe('longest time that a key that does not exist is remembered; three quarters of it at least'),
  max_lookups: wholeNumber(1, 64)
    .prefault('4')
    .describe(
      'most look-ups in the store at once, each of up to 16 keys that are asked for together, and connections of a shared store for that',
    ),
  unknown_keys_per_source: countOrOff(1, 1_000_000)
    .prefault('off')
    .describe(
      'look-ups in a second for keys that do not exist, after which an address gets none for a second; off where many share an address',
    ),
  max_in_flight: wholeNumber(1, 1_000_000)
    .prefault('2048')
    .describe('Checks in flight at which keys that are not cached are refused; at twice as many all are'),
  fail_open_burst: wholeNumber(0, 1_000_000)
    .prefault('100')
    .describe('requests of one key with fail mode open that may pass uncharged until their charges are made'),
  charge_form: choice('grouped', 'direct')
    .prefault('grouped')
    .describe('how charges are made: grouped, many in one statement, or direct, a transaction for each'),
  soft_limit: percentOrOff()
    .prefault('80%')
    .describe('how much of a limit may be used before its users are told, or off'),
  retry_horizon: duration('1ms', '1h')
    .prefault('30s')
    .describe('how long a charge waits for Envoy to retry its Check; longer than check_timeout'),
  log_level: choice('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent')
    .prefault('info')
    .describe('least grave line logged'),
  log_format: choice('json', 'pretty').prefault('json').describe('form of a log line'),
  log_allow_sample_rate: rate()
    .prefault('0.01')
    .describe('part of the allowed requests that is logged, 0 to 1'),
})

export type Settings = z.output<typeof settingsSchema>
export type SettingName = keyof Settings

/** As it stands above; undefined for a setting that may be left out. */
export const defaultTextOf = (name: SettingName): string | undefined => {
  const { def } = settingsSchema.shape[name]
  return def.type === 'prefault' ? String(def.defaultValue) : undefined
}

export const isSecret = (name: SettingName): boolean => factsOf(settingsSchema.shape[name]).secret

function path() {
  return text('a path', /^[^\0]+$/).optional()
}
