// A socket file that appears at its public path only when it is ready: right mode, right group, already
// listening.
import { randomBytes } from 'node:crypto'
import { chmod, chown, mkdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { Rejection } from '../kernel/failure.ts'

export type SocketFileOptions = Readonly<{
  path: string
  mode: number
  /** Name or number; undefined keeps the process's own. */
  group: string | undefined
  /** Everybody may replace files in the directory. */
  warnOpen(directory: string): void
}>

/**
 * `bind` listens on the private path it is given. A socket that stands at the public path already, of a
 * process that is about to leave, is replaced in one step; connections that it has stay with it. The public
 * path is never unlinked, not even by its owner: between a look and an unlink a successor could have put its
 * own there. Throws Rejection.
 */
export const bindSocketFile = async (
  options: SocketFileOptions,
  bind: (path: string) => Promise<void>,
): Promise<void> => {
  const path = resolve(options.path)
  const directory = dirname(path)
  // A Node server unlinks, when it closes, the name it was bound under; this one nobody else ever has.
  const privatePath = join(directory, `.${basename(path)}.${randomBytes(4).toString('hex')}`)
  assertFits(privatePath)
  const groupId = options.group === undefined ? undefined : await groupIdOf(options.group)
  try {
    await makeDirectory(directory, groupId)
    if (await isOpenToAll(directory)) options.warnOpen(directory)
    await bind(privatePath)
    if (groupId !== undefined) await chown(privatePath, -1, groupId)
    await chmod(privatePath, options.mode)
    await rename(privatePath, path)
  } catch (cause) {
    await rm(privatePath, { force: true }).catch(() => {})
    throw new Rejection(
      'conflict',
      `cannot put a socket at ${path}: ${cause instanceof Error ? cause.message : 'unknown'}`,
    )
  }
}

/**
 * sun_path ends after 108 bytes on Linux and 104 elsewhere; beyond it, a path is cut and another file is
 * bound.
 */
const MOST_PATH_BYTES = 103

const assertFits = (path: string): void => {
  const excess = Buffer.byteLength(path) - MOST_PATH_BYTES
  if (excess > 0) throw new Rejection('invalid', `the path of the socket file is ${excess} bytes too long`)
}

const makeDirectory = async (directory: string, groupId: number | undefined): Promise<void> => {
  const made = await mkdir(directory, { recursive: true, mode: 0o750 })
  // Who may use the socket must be able to reach it.
  if (made !== undefined && groupId !== undefined) await chown(directory, -1, groupId)
}

const OTHERS_WRITE = 0o002
const STICKY = 0o1000

/**
 * Envoy would ask whoever put another socket there, and be allowed anything. Not refused: a volume that the
 * containers of a pod share has this mode, and nobody else sees it.
 */
const isOpenToAll = async (directory: string): Promise<boolean> => {
  const { mode } = await stat(directory)
  return (mode & OTHERS_WRITE) !== 0 && (mode & STICKY) === 0
}

const groupIdOf = async (group: string): Promise<number> => {
  if (/^\d+$/.test(group)) return Number(group)
  const lines = (await readFile('/etc/group', 'utf8')).split('\n').map((line) => line.split(':'))
  const id = lines.find(([name]) => name === group)?.[2]
  if (id === undefined)
    throw new Rejection('invalid', `there is no group ${JSON.stringify(group)} on this machine`)
  return Number(id)
}
