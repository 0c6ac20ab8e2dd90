// A socket file: can it be put where it should stand, and who reaches it then?
import { access, constants, readFile, stat } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import type { Config } from '../../config.ts'
import { workerAddress } from '../../workers/worker-address.ts'
import type { Finding } from '../finding.ts'
import { fault, messageOf, orFine, skipped, warning } from '../finding.ts'

const CHECKS = ['socket_path', 'socket_directory', 'socket_group', 'socket_mode']

/** `config.listen` as it is, or one socket for each worker. */
export const examineSocket = async ({ listen, workers, socket }: Config): Promise<readonly Finding[]> => {
  if (!listen.startsWith('unix:'))
    return CHECKS.map((check) => skipped(check, 'Latchkey listens on TCP, not on a socket file'))
  const addresses = workers === 1 ? [listen] : [listen, workerAddress(listen, workers - 1)]
  const paths = addresses.map((address) => resolve(address.slice('unix:'.length)))
  const [path = ''] = paths
  return [
    ...orFine([...paths.flatMap(tooLong), ...(await inTheWay(path))], 'socket_path', path),
    ...(await examineDirectory(dirname(path))),
    ...(await examineGroup(socket.group)),
    ...orFine(examineMode(socket.mode), 'socket_mode', `0${socket.mode.toString(8)}`),
  ]
}

/** Of 103 bytes a private name beside it takes ten: `.`, `.` and eight digits. */
const MOST_BYTES = 93

const tooLong = (path: string): readonly Finding[] => {
  const excess = Buffer.byteLength(path) - MOST_BYTES
  return excess <= 0
    ? []
    : [
        fault(
          'socket_path',
          `${path} is ${excess} bytes too long for a socket file`,
          `give listen a path of at most ${MOST_BYTES} bytes, such as unix:/run/latchkey/latchkey.sock`,
        ),
      ]
}

const inTheWay = async (path: string): Promise<readonly Finding[]> => {
  const there = await stat(path).catch(() => undefined)
  return there === undefined || there.isSocket()
    ? []
    : [
        fault(
          'socket_path',
          `${path} is there already and is no socket`,
          `move ${basename(path)} away, or give listen another path`,
        ),
      ]
}

const examineDirectory = async (directory: string): Promise<readonly Finding[]> => {
  const check = 'socket_directory'
  const standing = await nearestStanding(directory)
  try {
    if (!(await stat(standing)).isDirectory()) throw new Error(`${standing} is no directory`)
    await access(standing, constants.W_OK | constants.X_OK)
  } catch (error) {
    return [
      fault(
        check,
        `no socket can be put into ${directory}: ${messageOf(error)}`,
        'give the directory to the user that runs Latchkey, or give listen another path',
      ),
    ]
  }
  const { mode } = await stat(standing)
  const open = standing === directory && (mode & 0o002) !== 0 && (mode & 0o1000) === 0
  const mistakes = open
    ? [
        warning(
          check,
          `everybody may replace the socket in ${directory}, and Envoy would ask whoever did`,
          `chmod o-w ${directory}`,
        ),
      ]
    : []
  return orFine(mistakes, check, standing === directory ? directory : `${directory} will be made`)
}

const nearestStanding = async (directory: string): Promise<string> => {
  for (let folder = directory; ; folder = dirname(folder))
    if (folder === dirname(folder) || (await stat(folder).catch(() => undefined)) !== undefined) return folder
}

const examineGroup = async (group: string | undefined): Promise<readonly Finding[]> => {
  const check = 'socket_group'
  if (group === undefined) return orFine([], check, "the process's own group")
  const id = /^\d+$/.test(group) ? Number(group) : await groupIdOf(group)
  if (id === undefined)
    return [
      fault(
        check,
        `there is no group ${JSON.stringify(group)} on this machine`,
        `groupadd --system ${group}`,
      ),
    ]
  const mayGive = process.getuid?.() === 0 || process.getgroups?.().includes(id) === true
  const mistakes = mayGive
    ? []
    : [
        fault(
          check,
          `this user is no member of the group ${group} and may not give it a file`,
          `add the user that runs Latchkey to the group: usermod -aG ${group} USER`,
        ),
      ]
  return orFine(mistakes, check, group)
}

const groupIdOf = async (group: string): Promise<number | undefined> => {
  const lines = (await readFile('/etc/group', 'utf8').catch(() => '')).split('\n')
  const id = lines.map((line) => line.split(':')).find(([name]) => name === group)?.[2]
  return id === undefined ? undefined : Number(id)
}

const examineMode = (mode: number): readonly Finding[] => {
  if ((mode & 0o006) !== 0)
    return [
      warning(
        'socket_mode',
        `with mode 0${mode.toString(8)} everybody on this machine may ask`,
        'set socket_mode to "0660" and socket_group to a group that Envoy is in',
      ),
    ]
  if ((mode & 0o600) === 0o600 && (mode & 0o060) === 0o060) return []
  return [
    warning(
      'socket_mode',
      `with mode 0${mode.toString(8)} an Envoy of another user cannot connect: that takes reading and writing`,
      'set socket_mode to "0660" and socket_group to a group that Envoy is in',
    ),
  ]
}
