// The cases of `make prove`: each one vitest run with full counts that ends within ten minutes.

export type Case = Readonly<{
  /** What `make prove CASE=…` takes. */
  name: string
  /** What holds when it passes. */
  guarantee: string
  /** Test files or folders. */
  files: readonly string[]
  /** Folders or files of them that another case takes. */
  except?: readonly string[]
  /** Only tests whose name matches. */
  only?: string
  environment?: Readonly<Record<string, string>>
}>

export const CASES: readonly Case[] = [
  {
    name: 'decisions',
    guarantee:
      'Every decision, credential, model and guardrail rule, with 100,000 generated hostile requests',
    files: ['test/check', 'test/keys', 'test/policy', 'test/kernel', 'test/architecture.test.ts'],
  },
  {
    name: 'quota-engine',
    guarantee:
      'The quota engine in 30,000 random histories of 200 operations over a simulated database, in 750 on SQLite; its rules; windows',
    files: ['test/quota'],
  },
  {
    name: 'stores',
    guarantee:
      'One contract on SQLite and on MariaDB, both forms of charging alike in 1,000 random schedules; hot statements by point access on 100,000 keys',
    files: ['test/contract', 'test/store', 'test/incidents'],
  },
  {
    name: 'server',
    guarantee: 'The gRPC server, its codecs against independently published Envoy protos, telemetry',
    files: ['test/grpc', 'test/telemetry'],
    except: ['test/grpc/lane'],
  },
  {
    name: 'lane',
    guarantee:
      "The lane's HTTP/2: h2spec, every known attack by its number, a minute of damaged frames, grpc-go and grpcurl (LATCHKEY_FUZZ_SECONDS: longer)",
    files: ['test/grpc/lane'],
    except: ['test/grpc/lane/clients.test.ts'],
  },
  {
    name: 'lane-headers',
    guarantee: "1,000,000 random header lists by Node's own client are read alike; grpc-js as a client",
    files: ['test/grpc/lane/clients.test.ts'],
  },
  {
    name: 'operation',
    guarantee: 'Configuration, command line, start and stop, the packed tarball, the files of the repository',
    files: ['test/config', 'test/cli', 'test/doctor', 'test/app', 'test/repo'],
    except: ['test/config/fuzz.test.ts'],
  },
  {
    name: 'configuration-fuzz',
    guarantee:
      'Some 120,000 generated configurations: each is read, or every fault is told with its line, variable or flag; a planted one with its own',
    files: ['test/config/fuzz.test.ts'],
  },
  {
    name: 'secrets',
    guarantee: '1,000 keys through every path and error: none in a log, span, metric, answer or output',
    files: ['test/secrets/canary'],
  },
  {
    name: 'accounts',
    guarantee: 'Each account of the database does its work, and is refused what it should not do',
    files: ['test/secrets/database-accounts.test.ts'],
  },
  {
    name: 'envoys',
    guarantee: 'Real requests through every tested Envoy',
    files: ['test/envoy'],
    environment: { LATCHKEY_TEST_ENVOYS: 'all' },
  },
  {
    name: 'fields',
    guarantee:
      'Every field that can be set, wherever it can be said: the value that admits, the one that refuses, and changes between them; on both stores, and through the oldest and the newest Envoy',
    files: ['test/fields'],
    except: ['test/fields/mutations.test.ts'],
  },
  {
    name: 'enforcement',
    guarantee:
      'Each enforcement taken out of a copy of the source in turn: every row of the table of fields that is about it fails',
    files: ['test/fields/mutations.test.ts'],
  },
  {
    name: 'grpc-js-server',
    guarantee: 'The same server over grpc-js: Checks, errors, deadlines, drain, fuzz',
    files: [
      'test/grpc/authorization.test.ts',
      'test/grpc/admission.test.ts',
      'test/grpc/server.test.ts',
      'test/grpc/drain.test.ts',
      'test/grpc/wire.test.ts',
      'test/grpc/spans.test.ts',
      'test/grpc/metrics.test.ts',
      'test/app',
      'test/chaos/fuzz.test.ts',
    ],
    environment: { LATCHKEY_TEST_TRANSPORT: 'grpc-js' },
  },
  {
    name: 'grpc-js-restarts',
    guarantee:
      'The same restarts over grpc-js, with the half second that the recipe gives a Check: on a machine with nothing else to do',
    files: ['test/chaos/restarts.test.ts'],
    environment: { LATCHKEY_TEST_TRANSPORT: 'grpc-js' },
  },
  {
    name: 'grpc-js-envoys',
    guarantee: 'Real requests through every tested Envoy, over grpc-js',
    files: ['test/envoy'],
    environment: { LATCHKEY_TEST_ENVOYS: 'all', LATCHKEY_TEST_TRANSPORT: 'grpc-js' },
  },
  {
    name: 'sdks',
    guarantee:
      'The official SDKs of OpenAI, Anthropic and Google, in JavaScript and Python, through every tested Envoy: their own class for each refusal, no useless request, streams',
    files: ['test/sdks'],
    environment: { LATCHKEY_TEST_ENVOYS: 'all' },
  },
  {
    name: 'races',
    guarantee: 'Exactly 20,000 are admitted with 4 processes × 256 concurrent Checks, 20 times',
    files: ['test/chaos/exact-quota.test.ts'],
  },
  {
    name: 'quota-exact',
    guarantee: 'Exactly 1,000,000 are admitted with 4 processes × 256 charges in flight on MariaDB, 20 times',
    files: ['test/chaos/quota-exact.test.ts'],
  },
  {
    name: 'quota-faults',
    guarantee:
      'Connections cut every 50 ms, a process killed every 2 s, MariaDB killed: no row over, each lost unit accounted for',
    files: ['test/chaos/quota-faults.test.ts'],
  },
  {
    name: 'quota-stacked',
    guarantee:
      'Six rows a charge, one of them hot for everybody, some running out: all rows are charged or none',
    files: ['test/chaos/quota-stacked.test.ts'],
  },
  {
    name: 'revocation',
    guarantee:
      '1,000 uncharged keys revoked while 10 replicas are asked 20 times a second each: all refuse, and how soon',
    files: ['test/chaos/revocation.test.ts'],
  },
  {
    name: 'revocation-charged',
    guarantee: 'No charged Check sent after its key was revoked is admitted, by any process on either store',
    files: ['test/chaos/revocation-charged.test.ts'],
  },
  {
    name: 'rotation',
    guarantee:
      '60 keys on each store rotated while both secrets are used: none refused over the grace, the old one by all after it',
    files: ['test/chaos/rotation.test.ts'],
  },
  {
    name: 'restarts',
    guarantee:
      'Two Latchkeys restarted in turn, and one by its successor, 20 times at 500 requests a second: none fails, none is charged twice',
    files: ['test/chaos/restarts.test.ts'],
  },
  {
    name: 'workers',
    guarantee:
      'Two workers behind one Envoy, of which one is killed 20 times at 500 requests a second: no request fails, each is replaced; and none fails while one hangs',
    files: ['test/workers', 'test/chaos/workers.test.ts'],
  },
  {
    name: 'fuzz',
    guarantee:
      'A minute of damaged messages and HTTP/2 frames against the socket: no crash, no Allow, bounded memory (LATCHKEY_FUZZ_SECONDS: longer)',
    files: ['test/chaos/fuzz.test.ts'],
  },
  {
    name: 'lane-requests',
    guarantee: '1,000,000 requests through a real Envoy over the lane: all answered, no error of HTTP/2',
    files: ['test/chaos/lane-envoy.test.ts'],
  },
  {
    name: 'overload',
    guarantee:
      'Ten times as many unknown keys as known ones: four look-ups at once; three times as many Checks as can be answered',
    files: ['test/chaos/overload.test.ts'],
  },
  {
    name: 'galera',
    guarantee:
      'Three Galera nodes charged through at once, killed and frozen in turn: no row over, no acknowledged charge missing',
    files: ['test/chaos/galera.test.ts'],
  },
  {
    name: 'outages',
    guarantee:
      'MariaDB killed for a minute, slowed, full, half-open, at 500 requests a second through Envoy: cached keys served, no 401 for a valid key, no restart',
    files: ['test/chaos/outage.test.ts'],
  },
  {
    name: 'soak',
    guarantee:
      '1,000,000 distinct unknown keys and 100,000 valid ones, five minutes or more once the caches are full (LATCHKEY_SOAK_SECONDS: longer): memory, files and series do not grow',
    files: ['test/chaos/soak.test.ts'],
  },
]

/** Whether a case runs the test file at that path. */
export const takes = ({ files, except = [] }: Case, path: string): boolean =>
  files.some((part) => path.includes(part)) && !except.some((part) => path.includes(part))
