// latchkey serve: the server, until it is told to stop.
import type { Command } from 'commander'
import { defaultTextOf, settingsSchema } from '../config/settings.ts'
import { DATABASE_URL_FILE, environmentName, flagName, SETTING_NAMES } from '../config/sources.ts'
import { loadConfig } from '../config.ts'
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
  const fileHelp = `file that holds the URL, instead of the URL itself (${environmentName(DATABASE_URL_FILE)})`
  serve.option(`${flagName(DATABASE_URL_FILE)} <path>`, fileHelp)
  serve.action(async (flags: Readonly<Record<string, string>>) => {
    const config = loadConfig(bySettingName(flags))
    // Loaded late: other commands need neither gRPC nor OpenTelemetry, and start in half the time.
    const { startApp } = await import('../app.ts')
    const stop = listenForStop()
    try {
      const app = await Promise.race([startApp(config), stop.received])
      // Asked to stop before anything was promised to anybody: a store that does not answer must not hold us up.
      if (typeof app === 'string') process.exit(0)
      await stop.received
      await app.stop()
    } finally {
      stop.dispose()
    }
  })
}

/** commander calls --check-timeout checkTimeout; the setting is check_timeout. */
const bySettingName = (flags: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(flags).map(([name, value]) => [
      name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      value,
    ]),
  )
