// Flags, environment and YAML to one frozen Config; every fault is reported at once.
import type { AttestationConfig } from './config/attestation-config.ts'
import { attestationConfig } from './config/attestation-config.ts'
import type { Flags } from './config/read-settings.ts'
import { readSettings } from './config/read-settings.ts'
import type { Settings } from './config/settings.ts'
import type { Environment } from './config/sources.ts'
import { alsoRedact } from './kernel/redacted.ts'
import type { SecretFormat } from './keys/secret.ts'

export type TlsConfig = Readonly<{
  certFile: string
  keyFile: string
  clientCaFile: string
  /** DNS names and URIs; undefined admits every certificate of the authorities. */
  clientNames: readonly string[] | undefined
  reloadIntervalMs: number
}>

export type Config = Readonly<{
  databaseUrl: string
  /** `unix:PATH` or `HOST:PORT` */
  listen: string
  transport: Settings['transport']
  reflection: boolean
  /** Processes that serve, each at its own `workerAddress` of `listen`. */
  workers: number
  socket: Readonly<{ mode: number; group: string | undefined }>
  tls: TlsConfig | undefined
  plaintext: Settings['plaintext']
  /** On TCP; undefined when switched off. */
  maxConnectionAgeMs: number | undefined
  /** `HOST:PORT`, or undefined when switched off. */
  healthListen: string | undefined
  checkTimeoutMs: number
  maxBodyBytes: number
  drainDelayMs: number
  failureAnswer: Settings['failure_answer']
  credentialHeaders: readonly string[]
  keyFormats: readonly SecretFormat[]
  modelHeader: string | undefined
  /** Entry of x-forwarded-for, from its end; 0: none. */
  forwardedForDepth: number
  shadow: Readonly<{ mode: boolean; header: boolean }>
  guardrailHeader: string | undefined
  attestation: AttestationConfig | undefined
  cache: Readonly<{
    maxEntries: number
    maxBytes: number
    positiveTtlMs: number
    unfedTtlMs: number
    staleGraceMs: number
    absentTtlMs: number
  }>
  feedIntervalMs: number
  maxLookups: number
  maxInFlight: number
  /** In a second, or undefined when switched off. */
  unknownKeysPerSource: number | undefined
  /** Requests, of one key and in this process. */
  failOpenBurst: number
  chargeForm: 'grouped' | 'direct'
  /** 1 to 99, or undefined when switched off. */
  softLimitPercent: number | undefined
  retryHorizonMs: number
  log: Readonly<{ level: Settings['log_level']; format: Settings['log_format']; allowSampleRate: number }>
  /** OTEL_*, never renamed; OpenTelemetry's SDK reads them again by itself. */
  otelEnvironment: Environment
}>

/**
 * Throws a Rejection that lists every fault, each with the flag, variable or line it comes from. From then on this process does not
 * repeat words in the form of a key.
 */
export const loadConfig = (flags: Flags = {}, environment: Environment = process.env): Config => {
  const config = deepFrozen(toConfig(readSettings(flags, environment).settings, environment))
  alsoRedact(config.keyFormats)
  return config
}

const toConfig = (settings: Settings, environment: Environment): Config => ({
  databaseUrl: settings.database_url,
  listen: settings.listen,
  transport: settings.transport,
  reflection: settings.reflection === 'on',
  workers: settings.workers,
  socket: { mode: settings.socket_mode, group: settings.socket_group },
  tls: tlsConfig(settings),
  plaintext: settings.plaintext,
  maxConnectionAgeMs: settings.max_connection_age.ms,
  healthListen: settings.health_listen === 'off' ? undefined : settings.health_listen,
  checkTimeoutMs: settings.check_timeout,
  maxBodyBytes: settings.max_body,
  drainDelayMs: settings.drain_delay,
  failureAnswer: settings.failure_answer,
  credentialHeaders: settings.credential_headers,
  keyFormats: settings.key_formats,
  modelHeader: settings.model_header,
  forwardedForDepth: settings.forwarded_for_depth,
  shadow: { mode: settings.shadow_mode === 'on', header: settings.shadow_header === 'on' },
  guardrailHeader: settings.guardrail_header,
  attestation: attestationConfig(settings),
  cache: {
    maxEntries: settings.cache_max_entries,
    maxBytes: settings.cache_max_size,
    positiveTtlMs: settings.cache_positive_ttl,
    unfedTtlMs: settings.cache_unfed_ttl,
    staleGraceMs: settings.stale_grace,
    absentTtlMs: settings.cache_absent_ttl,
  },
  feedIntervalMs: settings.feed_interval,
  maxLookups: settings.max_lookups,
  maxInFlight: settings.max_in_flight,
  unknownKeysPerSource: settings.unknown_keys_per_source.count,
  failOpenBurst: settings.fail_open_burst,
  chargeForm: settings.charge_form,
  softLimitPercent: settings.soft_limit.percent,
  retryHorizonMs: settings.retry_horizon,
  log: {
    level: settings.log_level,
    format: settings.log_format,
    allowSampleRate: settings.log_allow_sample_rate,
  },
  otelEnvironment: Object.fromEntries(
    Object.entries(environment).filter(([name]) => name.startsWith('OTEL_')),
  ),
})

const tlsConfig = (settings: Settings): TlsConfig | undefined => {
  const { tls_cert_file: certFile, tls_key_file: keyFile, tls_client_ca_file: clientCaFile } = settings
  if (certFile === undefined || keyFile === undefined || clientCaFile === undefined) return undefined
  return {
    certFile,
    keyFile,
    clientCaFile,
    clientNames: settings.tls_client_names,
    reloadIntervalMs: settings.tls_reload_interval,
  }
}

const deepFrozen = <T extends object>(value: T): T => {
  for (const inner of Object.values(value)) if (typeof inner === 'object' && inner !== null) deepFrozen(inner)
  return Object.freeze(value)
}
