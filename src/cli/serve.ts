// latchkey serve: the server, until it is told to stop.
import type { Command } from 'commander'
import { Option } from 'commander'
import { defaultTextOf, settingsSchema } from '../config/settings.ts'
import { environmentName, flagName, SECRET_FILES, SETTING_NAMES } from '../config/sources.ts'
import type { Config } from '../config.ts'
import { loadConfig } from '../config.ts'
import type { WorkerSeat } from '../workers/worker-seat.ts'
import { WorkersEnded } from './exit-code.ts'
import { listenForStop } from './stop-signal.ts'

export const addServe = (program: Command): void => {
  const serve = program
    .command('serve')
    .description('answer the Checks of Envoy until told to stop (SIGTERM, SIGINT)')
  serve.option(`${flagName('config')} <file>`, `YAML file with settings (${environmentName('config')})`)
  for (const name of SETTING_NAMES) {
    const usual = defaultTextOf(name) ?? 'none'
    const help = `${settingsSchema.shape[name].description} (${environmentName(name)}, default ${usual})`
    serve.option(`${flagName(name)} <value>`, help)
  }
  for (const { setting, file } of SECRET_FILES)
    serve.option(
      `${flagName(file)} <path>`,
      `file that holds ${setting}, instead of the value itself (${environmentName(file)})`,
    )
  serve.addOption(new Option('--worker <index>', 'which of the workers this is').hideHelp())
  serve.action(async ({ worker, ...flags }: Readonly<Record<string, string>>) => {
    const config = loadConfig(bySettingName(flags))
    if (worker !== undefined) await serveAsWorker(config, Number(worker))
    else if (config.workers > 1) await superviseWorkers(config)
    else await serveAlone(config)
  })
}

/** For what is written and still on its way into a pipe. */
const LAST_WORDS_MS = 500

const serveAlone = async (config: Config, seat?: WorkerSeat): Promise<void> => {
  // Loaded late: other commands need neither gRPC nor OpenTelemetry, and start in half the time.
  const { startApp } = await import('../app.ts')
  const stop = listenForStop()
  const asked = seat === undefined ? stop.received : Promise.race([stop.received, seat.released])
  try {
    const app = await Promise.race([startApp(config, { seat }), asked.then(() => undefined)])
    // Asked to stop before anything was promised to anybody: a store that does not answer must not hold us up.
    if (app === undefined) process.exit(0)
    await asked
    await app.stop()
    // Left open is at most a request to a collector that does not answer: nobody waits for it any more.
    setTimeout(() => process.exit(), LAST_WORDS_MS).unref()
  } finally {
    stop.dispose()
  }
}

/** The first worker serves the health listener, for all of them. */
const serveAsWorker = async (config: Config, index: number): Promise<void> => {
  const [{ takeSeat }, { workerAddress }] = await Promise.all([
    import('../workers/worker-seat.ts'),
    import('../workers/worker-address.ts'),
  ])
  const seat = takeSeat(index)
  const listen = workerAddress(config.listen, index)
  const healthListen = index === 0 ? config.healthListen : undefined
  await serveAlone({ ...config, listen, healthListen }, seat)
}

const superviseWorkers = async ({ workers, log }: Config): Promise<void> => {
  const stop = listenForStop()
  try {
    const { runWorkers } = await import('../workers/run-workers.ts')
    const { code, words } = await runWorkers({ workers, log, stop: stop.received })
    if (code !== 0) throw new WorkersEnded(code, words)
  } finally {
    stop.dispose()
  }
}

/** commander calls --check-timeout checkTimeout; the setting is check_timeout. */
const bySettingName = (flags: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(flags).map(([name, value]) => [
      name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      value,
    ]),
  )
