// `latchkey serve` for a long run: its log is read and thrown away, and its process can be looked at from outside.
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { startLatchkey } from './latchkey-command.ts'

export type SoakServer = Readonly<{
  /** Of the socket file on which it is asked. */
  socketPath: string
  /** What it holds now. */
  look(): Promise<SoakSample>
  stop(): Promise<void>
}>

export type SoakSample = Readonly<{ rssMib: number; openFiles: number; series: number }>

export const startSoakServer = async (
  directory: string,
  env: Readonly<Record<string, string>>,
): Promise<SoakServer> => {
  const socketPath = join(directory, 'latchkey.sock')
  const args = ['serve', '--listen', `unix:${socketPath}`, '--health-listen', '127.0.0.1:0']
  const child = startLatchkey(args, { directory, env })
  const ended = once(child, 'close')
  const { stdout, stderr } = child
  if (stdout === null || stderr === null) throw new Error('its streams are pipes')
  const said = Promise.withResolvers<string>()
  let log = ''
  const read = (chunk: Buffer) => {
    // The first lines only: later there is one for each refusal.
    if (log.length > 100_000) return
    log += chunk.toString()
    const health = /"health":"([^"]+)"[^\n]*"msg":"serving"/.exec(log)?.[1]
    if (health !== undefined) said.resolve(health)
  }
  stdout.on('data', read)
  stderr.on('data', read)
  const neverSaid = ended.then(() => {
    throw new Error(`latchkey serve ended:\n${log}`)
  })
  neverSaid.catch(() => {})
  const healthAddress = await Promise.race([said.promise, neverSaid])
  const look = async (): Promise<SoakSample> => {
    const page = await (await fetch(`http://${healthAddress}/metrics`)).text()
    const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
    return {
      rssMib: Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1_024,
      openFiles: readdirSync(`/proc/${child.pid}/fd`).length,
      series: page.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length,
    }
  }
  const stop = async () => {
    child.kill('SIGTERM')
    await ended
  }
  return { socketPath, look, stop }
}
