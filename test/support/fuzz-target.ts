// A `latchkey serve` process to be fuzzed: keys that must not pass, one that must, and what its memory and files come to.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createClock } from '../../src/kernel/clock.ts'
import { openStore } from '../../src/store/store.ts'
import { aKeyIn, mintSecret } from './app-rig.ts'
import { aDirectory, onClose } from './closing.ts'
import { startReplica } from './replicas.ts'
import { until } from './until.ts'

export type FuzzTarget = Readonly<{
  /** Of the socket file. */
  path: string
  /** Its holder is allowed. */
  goodSecret: string
  /** Unknown, revoked, disabled, expired, damaged: nobody who shows one of them is. */
  badSecrets: readonly [string, ...string[]]
  /** The words it ended with, or undefined while it runs. */
  ended(): string | undefined
  openFiles(): Promise<number>
  /** The most memory that it had at once since it started. */
  peakBytes(): Promise<number>
}>

/** More than this on the heap ends the process, so that what is never freed is a crash. */
const HEAP_MIB = 512

export const startFuzzTarget = async (): Promise<FuzzTarget> => {
  const directory = await aDirectory()
  const url = `sqlite:${join(directory, 'store.db')}`
  const secrets = await seed(url)
  const replica = await startReplica(directory, 'latchkey', url, {
    NODE_OPTIONS: `--max-old-space-size=${HEAP_MIB}`,
  })
  onClose(replica.stop)
  const { pid, stderr, exitCode, signalCode } = replica.process
  let said = ''
  stderr?.on('data', (chunk: Buffer) => {
    said = `${said}${chunk.toString()}`.slice(-4_000)
  })
  let ended = exitCode === null && signalCode === null ? undefined : 'it had ended before'
  replica.process.once('exit', (code, signal) => {
    ended = `latchkey serve ended with ${code ?? signal}:\n${said}`
  })
  return {
    path: replica.address.slice('unix:'.length),
    ...secrets,
    ended: () => ended,
    openFiles: async () => (await readdir(`/proc/${pid}/fd`)).length,
    peakBytes: async () =>
      Number(/VmHWM:\s+(\d+) kB/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1_024,
  }
}

const seed = async (url: string): Promise<Pick<FuzzTarget, 'goodSecret' | 'badSecrets'>> => {
  const store = await openStore({ url, clock: createClock() })
  try {
    await store.migrate()
    const good = await aKeyIn(store)
    const [revoked, disabled] = [await aKeyIn(store), await aKeyIn(store)]
    const expiresAtMs = createClock().now() + 1_000
    const expired = await aKeyIn(store, { expiresAtMs })
    await store.keyBook.revokeKey(revoked.id)
    await store.keyBook.setKeyDisabled(disabled.id, true)
    await until(() => createClock().now() > expiresAtMs)
    const damaged = `${good.secret.slice(0, -1)}${good.secret.endsWith('a') ? 'b' : 'a'}`
    const bad = [
      revoked.secret,
      disabled.secret,
      expired.secret,
      damaged,
      `${damaged}0`,
      '',
      'Bearer',
    ] as const
    return { goodSecret: good.secret, badSecrets: [mintSecret(), ...bad] }
  } finally {
    await store.close()
  }
}
