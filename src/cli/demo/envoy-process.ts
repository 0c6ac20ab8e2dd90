// Runs one Envoy as a child of this process, tells where it listens, hands out its access log, and stops it by its pid.

import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import type { EnvoyBinary } from './envoy-binary.ts'

export type EnvoyOptions = Readonly<{
  binary: EnvoyBinary
  /** The text of its configuration. */
  config: string
  /** A private directory for its files. */
  directory: string
  /** Each line of its access log, as written. */
  onAccessLine?: (line: string) => void
}>

export type EnvoyProcess = Readonly<{
  pid: number
  /** Port of the first listener. */
  port: number
  adminPort: number
  /** Settles when Envoy is gone, whoever stopped it. */
  exited: Promise<void>
  stop(): Promise<void>
}>

const START_TIMEOUT_MS = 20_000
const STOP_TIMEOUT_MS = 5_000

/** Resolves when Envoy answers. Throws with what Envoy said when it does not start. */
export const startEnvoy = async (options: EnvoyOptions): Promise<EnvoyProcess> => {
  const configPath = join(options.directory, 'envoy.yaml')
  const adminPath = join(options.directory, 'envoy-admin-address')
  await writeFile(configPath, options.config)
  const child = spawn(options.binary.path, ['-c', configPath, '--admin-address-path', adminPath, ...FLAGS], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // In a group of its own: Ctrl-C in a terminal reaches whoever started it, who then stops it in good order.
    detached: true,
  })
  const said = lastLines(child)
  createInterface({ input: child.stdout }).on('line', (line) => options.onAccessLine?.(line))
  const exited = exitOf(child)
  // A process that ends by an uncaught error must not leave its Envoy behind.
  const kill = () => void child.kill('SIGKILL')
  process.once('exit', kill)
  const stop = async () => {
    process.removeListener('exit', kill)
    await stopChild(child, exited)
  }
  try {
    const { adminPort, port } = await whenReady(adminPath, exited)
    return { pid: child.pid ?? 0, port, adminPort, exited, stop }
  } catch (cause) {
    await stop()
    throw new Error([`Envoy ${options.binary.version} did not start:`, ...said].join('\n'), { cause })
  }
}

// One worker is enough here; without hot restart several Envoys share a machine; the access log leaves at once.
const FLAGS = [
  '--concurrency',
  '1',
  '--disable-hot-restart',
  '--log-level',
  'warn',
  '--file-flush-interval-msec',
  '20',
]

const lastLines = (child: ChildProcess): string[] => {
  const lines: string[] = []
  if (child.stderr !== null)
    createInterface({ input: child.stderr }).on('line', (line) => {
      lines.push(line)
      if (lines.length > 20) lines.shift()
    })
  return lines
}

const exitOf = (child: ChildProcess): Promise<void> => {
  const gone = Promise.withResolvers<void>()
  child.once('error', () => gone.resolve())
  child.once('exit', () => gone.resolve())
  return gone.promise
}

const stopChild = async (child: ChildProcess, exited: Promise<void>): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
  await exited
  clearTimeout(timer)
}

const whenReady = async (
  adminPath: string,
  exited: Promise<void>,
): Promise<{ adminPort: number; port: number }> => {
  let gone = false
  void exited.then(() => (gone = true))
  const giveUpMs = performance.now() + START_TIMEOUT_MS
  while (performance.now() < giveUpMs) {
    if (gone) throw new Error('it ended at once')
    const adminPort = await readAdminPort(adminPath)
    if (adminPort !== undefined && (await fetchText(adminPort, '/ready')) === 'LIVE') {
      const port = firstPort((await fetchText(adminPort, '/listeners')) ?? '')
      if (port !== undefined) return { adminPort, port }
    }
    await delay(10)
  }
  throw new Error(`it was not ready within ${START_TIMEOUT_MS} ms`)
}

const readAdminPort = async (path: string): Promise<number | undefined> => {
  try {
    return firstPort(await readFile(path, 'utf8'))
  } catch {
    return undefined
  }
}

/** Text of an admin page of this Envoy, or undefined while it does not answer. */
const fetchText = async (port: number, path: string): Promise<string | undefined> => {
  try {
    const response = await fetch(`http://127.0.0.1:${port}${path}`)
    return (await response.text()).trim()
  } catch {
    return undefined
  }
}

const firstPort = (text: string): number | undefined => {
  const port = /:(\d+)\s*$/m.exec(text)?.[1]
  return port === undefined || port === '0' ? undefined : Number(port)
}
