// Finds, or installs where it may, the programs that tests run against: a MySQL-protocol server, alone and as a cluster, and real Envoys.
import type { SpawnSyncOptions } from 'node:child_process'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { findEnvoy } from '../src/cli/demo/envoy-binary.ts'
import { TESTED_ENVOYS } from '../src/cli/demo/envoy-versions.ts'
import { say } from './say.ts'

/** Throws an Error that names the command when MariaDB is missing and may not be installed here. */
export const ensureMariadb = (): void =>
  ensurePackage({
    what: 'MariaDB',
    packageName: 'mariadb-server-core',
    otherwise: 'name a mariadbd in MARIADBD',
    isThere: hasMariadb,
  })

/** The same for what makes a cluster of it. */
export const ensureGalera = (): void =>
  ensurePackage({
    what: 'Galera',
    packageName: 'galera-4',
    otherwise: 'name its libgalera_smm.so in GALERA_PROVIDER',
    isThere: () => galeraProvider() !== undefined,
  })

/** Where the library is that makes servers a cluster. */
export const galeraProvider = (): string | undefined =>
  [process.env['GALERA_PROVIDER'] ?? '', ...GALERA_PROVIDERS].find((path) => existsSync(path))

/** Of Debian and Ubuntu; of Fedora and Red Hat. */
const GALERA_PROVIDERS = ['/usr/lib/galera/libgalera_smm.so', '/usr/lib64/galera-4/libgalera_smm.so']

/** Oldest and newest, or every tested version. */
export const ensureEnvoys = async (which: 'ends' | 'all'): Promise<void> => {
  const wanted = which === 'all' ? TESTED_ENVOYS : [TESTED_ENVOYS.at(0), TESTED_ENVOYS.at(-1)]
  for (const version of wanted) {
    if (version === undefined) continue
    const { path } = await findEnvoy({ version, envoyBin: process.env['ENVOY_BIN'], report: say })
    say(`Envoy ${version}: ${path}`)
  }
}

type Need = Readonly<{
  what: string
  packageName: string
  /** What helps where Debian's packages do not. */
  otherwise: string
  isThere: () => boolean
}>

const ensurePackage = ({ what, packageName, otherwise, isThere }: Need): void => {
  if (isThere()) return
  const command = `apt-get install --no-install-recommends ${packageName}`
  if (process.getuid?.() !== 0 || !onPath('apt-get'))
    throw new Error(`${what} is missing. Install it with: ${command} (or ${otherwise})`)
  say(`installing ${what} …`)
  const quiet: SpawnSyncOptions = {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  }
  spawnSync('apt-get', ['-qq', 'update'], quiet)
  spawnSync('apt-get', ['-qq', 'install', '-y', '--no-install-recommends', packageName], quiet)
  if (!isThere()) throw new Error(`${what} could not be installed. Try: apt-get update && ${command}`)
}

const hasMariadb = (): boolean => {
  const named = process.env['MARIADBD']
  if (named !== undefined) return existsSync(named)
  return onPath('mariadbd')
}

const onPath = (program: string): boolean =>
  [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'].some((directory) =>
    existsSync(join(directory, program)),
  )
