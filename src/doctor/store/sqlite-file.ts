// The file of an embedded store, looked at before it is opened: opening would make it.
import { closeSync, openSync, readSync, statfsSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Finding } from '../finding.ts'
import { fault, orFine, warning } from '../finding.ts'

export type SqliteFile = Readonly<{
  findings: readonly Finding[]
  /** False when there is nothing in it that could be looked at. */
  canBeOpened: boolean
}>

/** `typeOf` tells the kind of file system as statfs numbers it. */
export const examineSqliteFile = (path: string, typeOf = fileSystemType): SqliteFile => {
  if (path.startsWith(':') || path.includes('\0'))
    return closed(
      fault(CHECK, `${JSON.stringify(path)} names no file`, 'give database_url a path: sqlite:PATH'),
    )
  const folder = dirname(resolve(path))
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true)
    return closed(fault(CHECK, `the folder ${folder} does not exist`, `mkdir -p ${folder}`))
  const network = NETWORK.get(typeOf(folder))
  const onNetwork =
    network === undefined
      ? []
      : [
          fault(
            CHECK,
            `${folder} is on ${network}, where SQLite's locks and write-ahead log do not work`,
            'put the store on a disk of this machine, or use a shared store: mysql://…',
          ),
        ]
  const there = statSync(path, { throwIfNoEntry: false })
  if (there === undefined || there.size === 0)
    return { findings: orFine(onNetwork, CHECK, `${path} will be made by serve`), canBeOpened: false }
  if (!isStore(path))
    return closed(
      fault(
        CHECK,
        `${path} is not an SQLite database with a write-ahead log, so not a store of Latchkey`,
        'give database_url the path of the store, or of a file that does not exist yet',
      ),
    )
  const readable =
    (there.mode & 0o077) === 0
      ? []
      : [
          warning(
            CHECK,
            `others on this machine may open ${path}, which holds digests and limits`,
            `chmod 600 ${path}`,
          ),
        ]
  return { findings: orFine([...onNetwork, ...readable], CHECK, path), canBeOpened: true }
}

const CHECK = 'sqlite_file'

const closed = (finding: Finding): SqliteFile => ({ findings: [finding], canBeOpened: false })

/** https://man7.org/linux/man-pages/man2/statfs.2.html */
const NETWORK: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x01021997, '9P'],
  [0x00c36400, 'Ceph'],
  [0x0bd00bd0, 'Lustre'],
])

const fileSystemType = (folder: string): number => statfsSync(folder).type

/** https://www.sqlite.org/fileformat.html#the_database_header: bytes 18 and 19 are 2 with a write-ahead log. */
const isStore = (path: string): boolean => {
  const header = Buffer.alloc(20)
  const file = openSync(path, 'r')
  try {
    readSync(file, header, 0, header.length, 0)
  } finally {
    closeSync(file)
  }
  return header.toString('latin1', 0, 16) === 'SQLite format 3\0' && header[18] === 2 && header[19] === 2
}
