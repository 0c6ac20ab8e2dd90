// As many Checks as a server answers: by h2load, which costs a tenth of what it asks, else by the generator of our own.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { aChatCheck } from './chat-check.ts'
import { openCheckConnection } from './check-connection.ts'
import type { CheckLoadResult } from './load-checks.ts'
import { pin, runLoad } from './processes.ts'

export type Asking = Readonly<{
  /** `unix:PATH` */
  address: string
  secret: string
  /** Whether h2load's Checks carry an id, the same in all: with a limit they would be taken for one request, retried. */
  withId: boolean
  forMs: number
  core: number
  directory: string
}>

const IN_FLIGHT = 256

export const h2loadVersion = (): string | undefined => {
  const { status, stdout } = spawnSync('h2load', ['--version'], { encoding: 'utf8' })
  return status === 0 ? stdout.trim() : undefined
}

/** Returns the Checks that were answered, and how many in a second. Throws when one was not, or when they are not allowed. */
export const keepAsking = async (
  asking: Asking,
  tool: 'h2load' | 'own',
): Promise<Readonly<{ checks: number; rate: number }>> => {
  if (tool === 'h2load') return withH2load(asking)
  const { address, secret, forMs, core } = asking
  const load = { address, secret, inFlight: IN_FLIGHT, warmMs: 0, measureMs: forMs }
  const { measured } = await runLoad<CheckLoadResult>('load-checks.ts', load, core)
  const { checks, seconds, statuses } = measured
  if (statuses['0'] !== checks) throw new Error(`not every Check was allowed: ${JSON.stringify(statuses)}`)
  return { checks, rate: checks / seconds }
}

const withH2load = async ({ address, secret, withId, forMs, core, directory }: Asking) => {
  const message = aChatCheck({ secret, id: withId ? 'f1f7a5c0-77a4-4d5c-9a3e-0d3c4bb0f3ad' : '' })
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  const body = join(directory, 'check.grpc')
  await writeFile(body, Buffer.concat([head, message]))
  await assertAllowed(address, message)
  const child = spawn(
    'h2load',
    [
      ...['--clients=1', '--threads=1', `--max-concurrent-streams=${IN_FLIGHT}`, `--duration=${forMs}ms`],
      ...['--header=content-type: application/grpc', '--header=te: trailers', `--data=${body}`],
      ...[`--base-uri=${address}`, 'http://latchkey/envoy.service.auth.v3.Authorization/Check'],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  pin(child.pid ?? 0, core)
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  await assertAllowed(address, message)
  return counted(output, errors)
}

/** h2load does not read answers: one that we read stands before its own, and one behind. */
const assertAllowed = async (address: string, message: Uint8Array): Promise<void> => {
  const connection = await openCheckConnection(address.replace('unix:', ''))
  const status = await connection.ask(Buffer.from(message))
  connection.close()
  if (status !== 0) throw new Error(`a Check was answered with status ${status} in place of 0`)
}

const counted = (output: string, errors: string) => {
  const [, rate] = /([\d.]+) req\/s/.exec(output) ?? []
  const [, done, failed, errored] =
    /, (\d+) done, \d+ succeeded, (\d+) failed, (\d+) errored/.exec(output) ?? []
  const checks = Number(done)
  // A machine that has no time for it may answer none.
  if (rate === undefined || failed !== '0' || errored !== '0')
    throw new Error(`h2load: not every Check was answered\n${output}\n${errors}`)
  return { checks, rate: Number(rate) }
}
