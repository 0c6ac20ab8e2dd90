// Finds, or installs where it may, the programs that tests run against: a MySQL-protocol server and real Envoys.
import type { SpawnSyncOptions } from 'node:child_process'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { findEnvoy } from '../src/cli/demo/envoy-binary.ts'
import { TESTED_ENVOYS } from '../src/cli/demo/envoy-versions.ts'
import { say } from './say.ts'

const INSTALL_MARIADB = 'apt-get install mariadb-server-core'

/** Throws an Error that names the command when MariaDB is missing and may not be installed here. */
export const ensureMariadb = (): void => {
  if (hasMariadb()) return
  if (process.getuid?.() !== 0 || !onPath('apt-get'))
    throw new Error(
      `MariaDB is missing. Install it with: ${INSTALL_MARIADB} (or name a mariadbd in MARIADBD)`,
    )
  say('installing MariaDB …')
  const quiet: SpawnSyncOptions = {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  }
  spawnSync('apt-get', ['-qq', 'update'], quiet)
  spawnSync('apt-get', ['-qq', 'install', '-y', '--no-install-recommends', 'mariadb-server-core'], quiet)
  if (!hasMariadb())
    throw new Error(`MariaDB could not be installed. Try: apt-get update && ${INSTALL_MARIADB}`)
}

/** Oldest and newest, or every tested version. */
export const ensureEnvoys = async (which: 'ends' | 'all'): Promise<void> => {
  const wanted = which === 'all' ? TESTED_ENVOYS : [TESTED_ENVOYS.at(0), TESTED_ENVOYS.at(-1)]
  for (const version of wanted) {
    if (version === undefined) continue
    const { path } = await findEnvoy({ version, envoyBin: process.env['ENVOY_BIN'], report: say })
    say(`Envoy ${version}: ${path}`)
  }
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
