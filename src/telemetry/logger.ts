// The log: one JSON object a line, or short lines for people who watch.
import { pino, stdTimeFunctions } from 'pino'
import type { LogDestination } from './log-destination.ts'
import { createLogDestination } from './log-destination.ts'

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'
export type LogFormat = 'json' | 'pretty'

type Write = (fields: Readonly<Record<string, unknown>>, message: string) => void

/** Fields first, then a short message that never varies. */
export type Logger = Readonly<
  Record<Exclude<LogLevel, 'silent'>, Write> & { isEnabled(level: LogLevel): boolean }
>

/** To standard output when no destination is given; what is fatal before the call returns. The fields `everyLine` stand in each line. */
export const createLogger = (
  { level, format }: Readonly<{ level: LogLevel; format: LogFormat }>,
  to?: LogDestination,
  everyLine: Readonly<Record<string, unknown>> | null = null,
): Logger => {
  const lost = (lines: number) => log.warn({ lines }, 'lines of the log were lost: it was read too slowly')
  const destination = to ?? createLogDestination({ lost })
  const target =
    format === 'json' ? destination : { write: (line: string) => destination.write(prettyLine(line)) }
  const log = pino(
    {
      level,
      base: everyLine,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    target,
  )
  const write =
    (method: Exclude<LogLevel, 'silent'>): Write =>
    (fields, message) =>
      log[method](fields, message)
  return {
    trace: write('trace'),
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    fatal: (fields, message) => {
      log.fatal(fields, message)
      destination.flush?.()
    },
    isEnabled: (asked) => asked !== 'silent' && log.isLevelEnabled(asked),
  }
}

const prettyLine = (line: string): string => {
  const { time, level, msg, ...fields } = JSON.parse(line) as Record<string, unknown>
  const told = Object.entries(fields).map(([name, value]) => `${name}=${inWords(value)}`)
  return `${[String(time).slice(11, 23), String(level).toUpperCase().padEnd(5), msg, ...told].join(' ')}\n`
}

const inWords = (value: unknown): string =>
  typeof value === 'string' && /^[\w./:@-]+$/.test(value) ? value : JSON.stringify(value)
