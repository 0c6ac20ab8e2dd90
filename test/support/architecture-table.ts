// Who may import whom: the table of the architecture, as data, each rule with the sentence that a breach is told in.

export type Room =
  | 'main'
  | 'app'
  | 'config'
  | 'cli'
  | 'doctor'
  | 'grpc'
  | 'telemetry'
  | 'workers'
  | 'store'
  | 'check'
  | 'keys'
  | 'policy'
  | 'quota'
  | 'kernel'

type RoomRule = Readonly<{
  /** Rooms it may import besides itself. */
  rooms: readonly Room[]
  /** Of those, the ones of which it may import types only. */
  typesOnly?: readonly Room[]
  /** Packages it may import; `node:` modules are listed too when `quiet`. */
  packages: readonly string[]
  /** A room without I/O: of Node it gets only what is listed in `packages`. */
  quiet?: true
  sentence: string
}>

export const ROOMS: Readonly<Record<Room, RoomRule>> = {
  main: {
    rooms: ['cli', 'kernel'],
    packages: [],
    sentence: 'main turns argv into a command: it imports cli, and kernel for the kinds of error',
  },
  cli: {
    rooms: ['app', 'workers', 'doctor', 'config', 'keys', 'policy', 'quota', 'check', 'store', 'kernel'],
    packages: ['commander', 'yaml', '@bufbuild/protobuf'],
    sentence: 'cli imports app, workers, doctor, config, keys, policy, quota, check (explain), store, kernel',
  },
  doctor: {
    rooms: ['config', 'workers', 'grpc', 'store', 'keys', 'policy', 'kernel'],
    packages: ['yaml'],
    // It looks at each door and each drawer with the eyes of the room that they belong to.
    sentence:
      'doctor looks at config, workers, grpc, store, keys, policy and kernel, and is imported by cli only',
  },
  app: {
    rooms: ['config', 'workers', 'grpc', 'telemetry', 'store', 'check', 'keys', 'policy', 'quota', 'kernel'],
    typesOnly: ['workers'],
    packages: [],
    sentence: 'app builds everything and is imported by cli only',
  },
  workers: {
    rooms: ['telemetry', 'kernel'],
    packages: [],
    // A supervisor that held a store or a server in memory would be one more of what it supervises.
    sentence:
      'workers imports telemetry (the log, what a health listener tells) and kernel: it serves nothing',
  },
  config: {
    rooms: ['keys', 'kernel'],
    packages: ['zod', 'yaml'],
    sentence: 'config imports kernel, and keys for the shape of secrets',
  },
  grpc: {
    rooms: ['check', 'quota', 'telemetry', 'kernel'],
    packages: ['@grpc/grpc-js', '@grpc/reflection', '@bufbuild/protobuf', '@opentelemetry/api'],
    sentence: 'grpc imports check, quota, telemetry, kernel and its own generated code',
  },
  telemetry: {
    rooms: ['kernel'],
    packages: [
      'pino',
      '@opentelemetry/api',
      '@opentelemetry/sdk-node',
      '@opentelemetry/sdk-metrics',
      '@opentelemetry/exporter-metrics-otlp-grpc',
      '@opentelemetry/exporter-metrics-otlp-http',
      '@opentelemetry/exporter-metrics-otlp-proto',
      '@opentelemetry/exporter-prometheus',
    ],
    sentence: 'telemetry imports kernel only',
  },
  store: {
    rooms: ['keys', 'policy', 'quota', 'kernel'],
    packages: ['kysely', 'mysql2', '@opentelemetry/api'],
    sentence: 'store implements the ports of keys, policy and quota and knows nothing above them',
  },
  check: {
    rooms: ['keys', 'policy', 'quota', 'kernel'],
    packages: ['node:crypto'],
    quiet: true,
    sentence: 'check imports keys, policy, quota, kernel: a decision is a function of its inputs',
  },
  keys: {
    rooms: ['policy', 'quota', 'kernel'],
    typesOnly: ['quota'],
    packages: ['lru-cache', 'node:async_hooks', 'node:crypto', 'node:zlib'],
    quiet: true,
    sentence: 'keys imports kernel, policy (the registry that a look-up brings) and types of quota',
  },
  policy: {
    rooms: ['kernel'],
    // Its list of networks asks nobody.
    packages: ['node:net'],
    quiet: true,
    sentence: 'policy imports kernel, and the list of networks that comes with Node',
  },
  quota: {
    rooms: ['kernel'],
    packages: ['lru-cache', '@opentelemetry/api'],
    quiet: true,
    sentence: 'quota imports kernel only',
  },
  kernel: { rooms: [], packages: [], sentence: 'kernel imports nothing but node' },
}

/** Rooms that may import @opentelemetry/api. */
export const TRACED: readonly Room[] = ['grpc', 'store', 'quota', 'telemetry']
