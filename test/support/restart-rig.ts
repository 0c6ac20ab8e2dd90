// A real Envoy with a shipped recipe in front of `latchkey serve` processes on socket files and one shared store.
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Document } from 'yaml'
import { envoyConfig } from '../../src/cli/demo/envoy-config.ts'
import { startEnvoy } from '../../src/cli/demo/envoy-process.ts'
import { listenOn } from '../../src/cli/demo/listen.ts'
import { createClock } from '../../src/kernel/clock.ts'
import { createLifecycle } from '../../src/kernel/lifecycle.ts'
import { NO_RULES } from '../../src/policy/policy.ts'
import type { Store } from '../../src/store/store.ts'
import { openStore } from '../../src/store/store.ts'
import { aKeyIn } from './app-rig.ts'
import { chatBody } from './envoy-rig.ts'
import { COMPILE_CACHE } from './latchkey-command.ts'
import { freshDatabase } from './mariadb.ts'
import type { LoopRequest } from './open-loop.ts'
import type { Replica } from './replicas.ts'
import { startReplica } from './replicas.ts'
import { envoyOf } from './tested-envoys.ts'
import { until } from './until.ts'

export type RestartRig = Readonly<{
  port: number
  /** Of Envoy. */
  adminPort: number
  /** Private; the sockets lie in it. */
  directory: string
  databaseUrl: string
  store: Store
  /** A Latchkey on the socket of this name; whoever stood there before keeps the connections it has. */
  start(name: string): Promise<Replica>
  /** Resolves when Envoy counts so many of them as healthy. */
  untilHealthy(count: number): Promise<void>
  /** One request in five is of a key with a limit, the others of one without. */
  request(nth: number): LoopRequest
  /** How many units the limit was charged. */
  used(): Promise<number | undefined>
  close(): Promise<void>
}>

export type RestartRigOptions = Readonly<{
  version: string
  recipe: 'sidecar' | 'two-sidecars' | 'workers'
  /** Names of sockets, in the order of the recipe's endpoints; whole ones have a dot. */
  sockets: readonly string[]
  /** Each wait may take longer than the recipe says: the machine that runs the tests is busy. */
  patient: boolean
}>

export const COUNTED_EVERY = 5

/** Starts everything but the Latchkeys. */
export const startRestartRig = async (options: RestartRigOptions): Promise<RestartRig> => {
  const lifecycle = createLifecycle()
  try {
    const directory = await mkdtemp(join(tmpdir(), 'latchkey-restarts-'))
    lifecycle.onClose('directory', () => rm(directory, { recursive: true, force: true }))
    const url = await freshDatabase()
    const store = await openStore({ url, clock: createClock() })
    lifecycle.onClose('store', () => store.close())
    const { open, counted } = await seed(store)
    const upstream = await startUpstream()
    lifecycle.onClose('upstream', upstream.close)
    const envoy = await startEnvoy({
      binary: await envoyOf(options.version),
      directory,
      config: await envoyConfig(
        options.recipe,
        {
          listenPort: 0,
          adminPort: 0,
          clusters: { vllm: { host: '127.0.0.1', port: upstream.port } },
        },
        (document) => {
          placeSockets(document, directory, options.sockets)
          if (options.patient) giveTime(document)
        },
      ),
    })
    lifecycle.onClose('Envoy', envoy.stop)
    const stat = `http://127.0.0.1:${envoy.adminPort}/stats?filter=^cluster.latchkey.membership_healthy$`
    return {
      port: envoy.port,
      adminPort: envoy.adminPort,
      directory,
      databaseUrl: url,
      store,
      start: async (name) => {
        const replica = await startReplica(directory, name, url, { NODE_COMPILE_CACHE: COMPILE_CACHE })
        lifecycle.onClose('replica', () => crash(replica))
        return replica
      },
      untilHealthy: (count) =>
        until(async () => Number((await (await fetch(stat)).text()).split(':').at(-1)) === count),
      request: (nth) => chatOf(nth % COUNTED_EVERY === 0 ? counted.secret : open.secret),
      used: async () => (await store.limitBook.listLimits(counted.id))[0]?.used,
      close: lifecycle.close,
    }
  } catch (error) {
    await lifecycle.close()
    throw error
  }
}

/** Never closes a connection by itself, which Envoy may be about to use: its failures are not what is counted. */
const startUpstream = () =>
  listenOn(
    createServer({ keepAliveTimeout: 0 }, (request, response) =>
      request.resume().on('end', () => response.end('{}')),
    ),
  )

/** Ends it without a word to anybody. */
const crash = async ({ process: child }: Replica): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

const seed = async (store: Store) => {
  await store.migrate()
  await store.policyBook.createModel({ name: 'llama-*', route: 'vllm', guardrails: [] })
  await store.ownerBook.createOwner('acme', NO_RULES)
  const limit = { unit: 'requests', period: 'total', zone: 'UTC', amount: 1_000_000_000 } as const
  return { open: await aKeyIn(store), counted: await aKeyIn(store, { limits: [limit] }) }
}

/** The recipe's socket files are below /run; here they are in the rig's own directory. */
const placeSockets = (document: Document, directory: string, sockets: readonly string[]): void => {
  const endpoints = ['static_resources', 'clusters', 0, 'load_assignment', 'endpoints', 0, 'lb_endpoints']
  for (const [index, name] of sockets.entries())
    document.setIn(
      [...endpoints, index, 'endpoint', 'address', 'pipe', 'path'],
      join(directory, name.includes('.') ? name : `${name}.sock`),
    )
}

const HCM = ['static_resources', 'listeners', 0, 'filter_chains', 0, 'filters', 0, 'typed_config']
const SERVICE = [...HCM, 'http_filters', 0, 'typed_config', 'grpc_service']
const CLUSTER = ['static_resources', 'clusters', 0]

const giveTime = (document: Document): void => {
  document.setIn([...SERVICE, 'timeout'], '10s')
  document.setIn([...SERVICE, 'retry_policy', 'retry_back_off', 'max_interval'], '10s')
  document.setIn([...CLUSTER, 'connect_timeout'], '10s')
  if (document.hasIn([...CLUSTER, 'health_checks']))
    document.setIn([...CLUSTER, 'health_checks', 0, 'timeout'], '10s')
}

const BODY = chatBody('llama-3')

const chatOf = (secret: string): LoopRequest => ({
  path: '/v1/chat/completions',
  headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
  body: BODY,
})
