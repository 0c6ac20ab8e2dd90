// What the demo reads from its environment, and what it tells OpenTelemetry's SDK, which listens to nothing else.
import type { Environment } from './sources.ts'

/** The Envoy that the operator wants to be used, if he named one. */
export const envoyBinFromEnvironment = (environment: Environment = process.env): string | undefined =>
  environment['ENVOY_BIN'] || undefined

/** Replaces every OTEL_* variable of this process by `values`; returns how to put back what was there. */
export const replaceOtelEnvironment = (values: Readonly<Record<string, string>>): (() => void) => {
  const before = Object.entries(process.env).filter(([name]) => name.startsWith('OTEL_'))
  for (const [name] of before) delete process.env[name]
  Object.assign(process.env, values)
  return () => {
    for (const name of Object.keys(values)) delete process.env[name]
    Object.assign(process.env, Object.fromEntries(before))
  }
}
