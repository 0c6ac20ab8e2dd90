// A private, durable MariaDB on loopback: its own folder, its own port, stopped by its own process id.
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { createConnection } from 'mysql2/promise'
import { inject } from 'vitest'

export type MariadbServer = Readonly<{
  /** `mysql://USER:PASSWORD@127.0.0.1:PORT`, to which `/DATABASE` is added. */
  baseUrl: string
  /** Creates an empty database and returns its URL. */
  freshDatabase(): Promise<string>
  /** Runs one statement as administrator and returns its rows. */
  run(text: string): Promise<readonly Record<string, unknown>[]>
  /** Stops the server and keeps its data; `kill` gives it no time to say good-bye. */
  halt(how?: 'shutdown' | 'kill'): Promise<void>
  /** Starts it again on the same port. */
  resume(): Promise<void>
  /** Stops it and removes its folder. */
  stop(): Promise<void>
}>

declare module 'vitest' {
  interface ProvidedContext {
    mariadbUrl: string
  }
}

/** A fresh database on the server that was started once for all tests. */
export const freshDatabase = (): Promise<string> => createDatabase(inject('mariadbUrl'))

/** Runs one statement as administrator on that server. */
export const runOnMariadb = (text: string, database = 'mysql'): Promise<readonly Record<string, unknown>[]> =>
  runOn(inject('mariadbUrl'), text, database)

/** Runs statements one after the other in one session there, and returns the rows of the last. */
export const runInOneSession = (
  texts: readonly string[],
  database: string,
): Promise<readonly Record<string, unknown>[]> => runAll(inject('mariadbUrl'), texts, database)

/** `args` are added to those of the server. */
export const startMariadb = async (args: readonly string[] = []): Promise<MariadbServer> => {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-mariadb-'))
  const port = await freePort()
  const baseUrl = baseUrlOf(port)
  let server: ChildProcess
  try {
    await install(folder)
    server = await launch(folder, port, args)
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  }
  const halt = async (how: 'shutdown' | 'kill' = 'shutdown') => {
    if (server.exitCode !== null || server.signalCode !== null) return
    const exited = once(server, 'exit')
    server.kill(how === 'kill' ? 'SIGKILL' : 'SIGTERM')
    await exited
  }
  return {
    baseUrl,
    freshDatabase: () => createDatabase(baseUrl),
    run: (text) => runOn(baseUrl, text),
    halt,
    resume: async () => {
      server = await launch(folder, port, args)
    },
    stop: async () => {
      // Nothing in it is wanted any more.
      await halt('kill')
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const USER = 'latchkey'
const PASSWORD = 'latchkey'

export const baseUrlOf = (port: number): string => `mysql://${USER}:${PASSWORD}@127.0.0.1:${port}`

/** What mariadb-install-db does, without the client programs that it asks for: the system tables, made by the server itself. */
export const install = async (folder: string): Promise<void> => {
  await mkdir(join(folder, 'data', 'mysql'), { recursive: true })
  const scripts = ['mysql_system_tables.sql', 'mysql_performance_tables.sql', 'mysql_system_tables_data.sql']
  const texts = await Promise.all(scripts.map((name) => readFile(join(sharedFolder(), name), 'utf8')))
  // The server reads one statement a line here.
  const text = [
    'USE mysql;',
    'SET @skip_auth_anonymous = 1;',
    'SET @auth_root_socket = NULL;',
    ...texts,
  ].join('\n')
  const server = spawn(
    program(),
    [
      '--no-defaults',
      '--bootstrap',
      `--datadir=${join(folder, 'data')}`,
      `--tmpdir=${folder}`,
      '--log-warnings=0',
      ...asRoot(),
    ],
    { stdio: ['pipe', 'ignore', 'pipe'] },
  )
  const said: string[] = []
  createInterface({ input: server.stderr }).on('line', (line) => said.push(line))
  server.stdin.end(text)
  const [code] = (await once(server, 'exit')) as [number | null]
  if (code !== 0) throw new Error(`mariadbd could not make its system tables:\n${said.join('\n')}`)
  const grants = [
    `CREATE USER IF NOT EXISTS '${USER}'@'127.0.0.1' IDENTIFIED BY '${PASSWORD}';`,
    `GRANT ALL PRIVILEGES ON *.* TO '${USER}'@'127.0.0.1' WITH GRANT OPTION;`,
  ]
  await writeFile(join(folder, 'init.sql'), `${grants.join('\n')}\n`)
}

/** Starts a server on a folder that was installed; resolves when it answers. */
export const launch = async (
  folder: string,
  port: number,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = process.env,
): Promise<ChildProcess> => {
  const server = spawn(
    program(),
    [
      '--no-defaults',
      `--datadir=${join(folder, 'data')}`,
      // Two servers with one folder for temporary tables remove each other's.
      `--tmpdir=${folder}`,
      `--socket=${join(folder, 'mariadb.sock')}`,
      `--pid-file=${join(folder, 'mariadb.pid')}`,
      `--init-file=${join(folder, 'init.sql')}`,
      '--bind-address=127.0.0.1',
      `--port=${port}`,
      '--skip-name-resolve',
      '--max-connections=500',
      '--innodb-buffer-pool-size=128M',
      // What is answered must survive a crash.
      '--innodb-flush-log-at-trx-commit=1',
      `--log-bin=${join(folder, 'binlog')}`,
      '--sync-binlog=1',
      '--server-id=1',
      ...asRoot(),
      ...args,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'], env: environment },
  )
  await ready(server)
  return server
}

/** Resolves with the line that says so; rejects with all lines when the server ends before. */
const ready = async (server: ChildProcess): Promise<void> => {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const lines: string[] = []
  if (server.stderr === null) throw new Error('the log of the server is not connected')
  // Read to the end also later, or the server would block on a full pipe.
  createInterface({ input: server.stderr }).on('line', (line) => {
    if (lines.length < 200) lines.push(line)
    if (line.includes('ready for connections')) resolve()
  })
  server.once('error', reject)
  server.once('exit', (code) => reject(new Error(`mariadbd ended with ${code}:\n${lines.join('\n')}`)))
  await promise
}

const createDatabase = async (baseUrl: string): Promise<string> => {
  const name = `t_${randomBytes(8).toString('hex')}`
  await runOn(baseUrl, `CREATE DATABASE ${name}`)
  return `${baseUrl}/${name}`
}

const runOn = (baseUrl: string, text: string, database = 'mysql') => runAll(baseUrl, [text], database)

/** Runs statements one after the other in one session, and returns the rows of the last. */
export const runAll = async (
  baseUrl: string,
  texts: readonly string[],
  database: string,
): Promise<readonly Record<string, unknown>[]> => {
  const connection = await createConnection({ uri: `${baseUrl}/${database}`, supportBigNumbers: true })
  try {
    let last: readonly Record<string, unknown>[] = []
    for (const text of texts) {
      const [rows] = await connection.query(text)
      last = Array.isArray(rows) ? (rows as Record<string, unknown>[]) : []
    }
    return last
  } finally {
    await connection.end()
  }
}

/** MARIADBD names the server, else it lies on PATH or where Debian puts it. */
export const program = (): string => {
  const named = process.env['MARIADBD']
  if (named !== undefined) return named
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  const found = folders.map((folder) => join(folder, 'mariadbd')).find((path) => existsSync(path))
  if (found === undefined)
    throw new Error('mariadbd is missing; install it with: apt-get install mariadb-server-core')
  return found
}

/** Where the server keeps the scripts of its system tables. */
const sharedFolder = (): string => {
  const root = dirname(dirname(program()))
  const folders = ['share/mysql', 'share/mariadb', 'share'].map((name) => join(root, name))
  const found = folders.find((folder) => existsSync(join(folder, 'mysql_system_tables.sql')))
  if (found === undefined)
    throw new Error(`the scripts of the system tables are in none of ${folders.join(', ')}`)
  return found
}

export const asRoot = (): readonly string[] => (process.getuid?.() === 0 ? ['--user=root'] : [])

export const freePort = async (): Promise<number> => {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port was given')
  return address.port
}
