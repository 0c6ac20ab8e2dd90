// Starts the whole story on this machine: Latchkey on an embedded store, a real Envoy before four mock model servers.
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { App } from '../../app.ts'
import { startApp } from '../../app.ts'
import { replaceOtelEnvironment } from '../../config/demo-environment.ts'
import { loadConfig } from '../../config.ts'
import type { Lifecycle } from '../../kernel/lifecycle.ts'
import { createLifecycle } from '../../kernel/lifecycle.ts'
import { findEnvoy } from './envoy-binary.ts'
import { envoyConfig } from './envoy-config.ts'
import type { EnvoyProcess } from './envoy-process.ts'
import { startEnvoy } from './envoy-process.ts'
import { freePort } from './listen.ts'
import type { MockProviders } from './mock-providers.ts'
import { startMockProviders } from './mock-providers.ts'
import type { DemoKeys } from './seed.ts'
import { seedDemo } from './seed.ts'
import type { TraceCollector } from './trace-collector.ts'
import { startTraceCollector } from './trace-collector.ts'

export type Demo = Readonly<{
  /** Where clients send their requests: Envoy. */
  url: string
  adminUrl: string
  metricsUrl: string
  keys: DemoKeys
  app: App
  envoy: EnvoyProcess
  providers: MockProviders
  collector: TraceCollector
  latchkeyLog: string
  accessLog: string
  /** Stops everything and removes what it wrote. Once. */
  stop(): Promise<void>
}>

export type DemoOptions = Readonly<{
  envoyBin?: string | undefined
  report?: (message: string) => void
  /** Takes any free port instead of the ones that envoy/demo.yaml names. */
  anyPorts?: boolean
  /** Pause between streamed words, so that a person sees them stream. */
  wordDelayMs?: number
}>

/** Ports are the ones of envoy/demo.yaml where they are free, else any. What was started by then is stopped when a step fails. */
export const startDemo = async (options: DemoOptions = {}): Promise<Demo> => {
  const lifecycle = createLifecycle()
  try {
    return await start(options, lifecycle)
  } catch (error) {
    await lifecycle.close()
    throw error
  }
}

const start = async (options: DemoOptions, lifecycle: Lifecycle): Promise<Demo> => {
  const report = options.report ?? (() => {})
  const port = options.anyPorts === true ? async () => 0 : freePort
  const binary = await findEnvoy({ envoyBin: options.envoyBin, report })
  const directory = await mkdtemp(join(tmpdir(), 'latchkey-demo-'))
  lifecycle.onClose('directory', () => rm(directory, { recursive: true, force: true }))

  const providers = await startProviders(port, options.wordDelayMs ?? 0)
  lifecycle.onClose('mock model servers', providers.close)
  report(
    `four mock model servers: ${Object.entries(providers.ports)
      .map(([name, port]) => `${name} on ${port}`)
      .join(', ')}`,
  )

  const collector = await startTraceCollector({ port: await port(4318) })
  lifecycle.onClose('trace collector', collector.close)
  report(`a trace collector on ${collector.port}`)

  const latchkeyLog = join(directory, 'latchkey.log')
  const app = await startLatchkey(port, directory, collector, latchkeyLog, lifecycle)
  report(`Latchkey on ${app.address}, with an embedded database in ${directory}`)
  const keys = await seedDemo(app.store)
  report('an owner, a guardrail, seven models and three keys')

  const accessLog = join(directory, 'access.log')
  const access = openLog('access log', accessLog, lifecycle)
  const { ports } = providers
  const local = (port: number) => ({ host: '127.0.0.1', port })
  const envoy = await startEnvoy({
    binary,
    directory,
    onAccessLine: (line) => access(`${line}\n`),
    config: await envoyConfig('demo', {
      listenPort: await port(10_000),
      adminPort: await port(9901),
      clusters: {
        latchkey: local(Number(app.address.split(':').at(-1))),
        openai: local(ports.openai),
        anthropic: local(ports.anthropic),
        gemini: local(ports.gemini),
        vllm: local(ports.vllm),
        collector: local(collector.port),
      },
    }),
  })
  lifecycle.onClose('Envoy', envoy.stop)
  report(`Envoy ${binary.version} on ${envoy.port} (${binary.path})`)
  return {
    url: `http://127.0.0.1:${envoy.port}`,
    adminUrl: `http://127.0.0.1:${envoy.adminPort}`,
    metricsUrl: `http://${app.healthAddress}/metrics`,
    keys,
    app,
    envoy,
    providers,
    collector,
    latchkeyLog,
    accessLog,
    stop: lifecycle.close,
  }
}

type PickPort = (wanted: number) => Promise<number>

const startProviders = async (port: PickPort, wordDelayMs: number): Promise<MockProviders> => {
  const ports = {
    openai: await port(10_001),
    anthropic: await port(10_002),
    gemini: await port(10_004),
    vllm: await port(10_003),
  }
  return startMockProviders({ ports, wordDelayMs })
}

const startLatchkey = async (
  port: PickPort,
  directory: string,
  collector: TraceCollector,
  logPath: string,
  lifecycle: Lifecycle,
): Promise<App> => {
  const otel = {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.port}`,
    // Spans leave at once, as Envoy's do.
    OTEL_BSP_SCHEDULE_DELAY: '100',
  }
  lifecycle.onClose('OpenTelemetry environment', replaceOtelEnvironment(otel))
  const write = openLog('Latchkey log', logPath, lifecycle)
  const settings = {
    database_url: `sqlite:${join(directory, 'latchkey.db')}`,
    listen: `127.0.0.1:${await port(9191)}`,
    health_listen: `127.0.0.1:${await port(9193)}`,
    drain_delay: '0ms',
    log_allow_sample_rate: '1',
  }
  const app = await startApp(loadConfig(settings, otel), { logTo: { write } })
  lifecycle.onClose('Latchkey', app.stop)
  return app
}

/** Returns how to append to the file. */
const openLog = (name: string, path: string, lifecycle: Lifecycle): ((text: string) => void) => {
  const file = createWriteStream(path)
  lifecycle.onClose(name, () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    file.end(resolve)
    return promise
  })
  return (text) => void file.write(text)
}
