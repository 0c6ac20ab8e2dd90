// Three MariaDB nodes that are one database, on loopback: each takes writes, and each may be killed and come back.
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { galeraProvider } from '../../tools/needs.ts'
import { asRoot, baseUrlOf, freePort, install, launch, program, runAll } from './mariadb.ts'

type Rows = readonly Readonly<Record<string, unknown>>[]

export type GaleraNode = Readonly<{
  /** `mysql://USER:PASSWORD@127.0.0.1:PORT`, to which `/DATABASE` is added. */
  baseUrl: string
  /** Runs one statement once the node has applied all that any node had committed when it was asked. */
  read(text: string): Promise<Rows>
  /** Gives it no time to say good-bye. */
  kill(): Promise<void>
  /** Starts it again; resolves when it has caught up with the others. */
  resume(): Promise<void>
  /** It does nothing any more, and holds its connections: after some seconds the others go on without it. */
  freeze(): Promise<void>
  /** It goes on where it was; resolves when it has caught up with the others. */
  thaw(): Promise<void>
}>

export type GaleraCluster = Readonly<{
  nodes: readonly [GaleraNode, GaleraNode, GaleraNode]
  /** Creates an empty database on all nodes and returns its name. */
  freshDatabase(): Promise<string>
  /** Stops them and removes their folders. */
  stop(): Promise<void>
}>

export const startGalera = async (): Promise<GaleraCluster> => {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-galera-'))
  const started: Node[] = []
  const stop = async () => {
    await Promise.all(started.map((node) => node.kill()))
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await writeTransferScript(folder)
    const [first, second, third] = await newNodes(folder)
    started.push(first, second, third)
    await install(first.folder)
    await first.start('alone')
    // Whoever came later would need a position to catch up from.
    await first.shutDown()
    await writeFile(join(first.folder, 'init.sql'), '')
    await rm(join(first.folder, 'data', 'galera.cache'), { force: true })
    for (const node of [second, third]) await cp(first.folder, node.folder, { recursive: true })
    await first.start('alone')
    for (const node of [second, third]) await node.start('joining')
    const freshDatabase = async () => {
      const name = `t_${randomBytes(8).toString('hex')}`
      await first.read(`CREATE DATABASE ${name}`)
      return name
    }
    return { nodes: [first, second, third], freshDatabase, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

type Ports = Readonly<{ sql: number; group: number; transfer: number; catchUp: number }>

const newNodes = async (folder: string): Promise<readonly [Node, Node, Node]> => {
  const newPorts = async (): Promise<Ports> => ({
    sql: await freePort(),
    group: await freePort(),
    transfer: await freePort(),
    catchUp: await freePort(),
  })
  const ports = [await newPorts(), await newPorts(), await newPorts()] as const
  const groupPorts = ports.map(({ group }) => group)
  return [
    new Node(folder, 'first', ports[0], groupPorts),
    new Node(folder, 'second', ports[1], groupPorts),
    new Node(folder, 'third', ports[2], groupPorts),
  ]
}

class Node implements GaleraNode {
  readonly folder: string
  readonly baseUrl: string
  readonly #parent: string
  readonly #port: number
  readonly #args: readonly string[]
  #server: ChildProcess | undefined

  constructor(parent: string, name: string, ports: Ports, groupPorts: readonly number[]) {
    this.#parent = parent
    this.folder = join(parent, name)
    this.#port = ports.sql
    this.baseUrl = baseUrlOf(ports.sql)
    this.#args = argsOf(name, ports, groupPorts)
  }

  async start(how: 'alone' | 'joining'): Promise<void> {
    const args = how === 'alone' ? [...this.#args, '--wsrep-new-cluster'] : this.#args
    const environment = { ...process.env, PATH: `${this.#parent}:${process.env['PATH'] ?? ''}` }
    this.#server = await launch(this.folder, this.#port, args, environment)
    await this.#synced()
  }

  async read(text: string): Promise<Rows> {
    return runAll(this.baseUrl, ['SET wsrep_sync_wait = 15', text], 'mysql')
  }

  kill(): Promise<void> {
    return this.#end('SIGKILL')
  }

  shutDown(): Promise<void> {
    return this.#end('SIGTERM')
  }

  async resume(): Promise<void> {
    await this.#writePosition()
    await this.start('joining')
  }

  async freeze(): Promise<void> {
    this.#server?.kill('SIGSTOP')
  }

  async thaw(): Promise<void> {
    this.#server?.kill('SIGCONT')
    await this.#synced()
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return
    const exited = once(server, 'exit')
    server.kill(signal)
    await exited
  }

  async #synced(): Promise<void> {
    const state = () => runAll(this.baseUrl, ["SHOW STATUS LIKE 'wsrep_local_state_comment'"], 'mysql')
    while ((await state().catch((): Rows => []))[0]?.['Value'] !== 'Synced') await pause(20)
  }

  /** What an operator does after a crash: the server finds out how far it had come, and is told so when it starts. */
  async #writePosition(): Promise<void> {
    const data = join(this.folder, 'data')
    const finder = spawn(
      program(),
      [
        '--no-defaults',
        `--datadir=${data}`,
        `--tmpdir=${this.folder}`,
        `--socket=${join(this.folder, 'mariadb.sock')}`,
        '--skip-networking',
        `--log-bin=${join(this.folder, 'binlog')}`,
        '--wsrep-recover',
        ...this.#args,
        ...asRoot(),
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    )
    const log = await text(finder.stderr)
    const [, group, position] = /Recovered position: *([0-9a-f-]{36}):(\d+)/.exec(log) ?? []
    if (group === undefined) throw new Error(`the node does not know how far it had come:\n${log}`)
    const state = await readFile(join(data, 'grastate.dat'), 'utf8')
    await writeFile(
      join(data, 'grastate.dat'),
      state.replace(/^uuid:.*$/m, `uuid:    ${group}`).replace(/^seqno:.*$/m, `seqno:   ${position}`),
    )
  }
}

const argsOf = (name: string, ports: Ports, groupPorts: readonly number[]): readonly string[] => [
  '--wsrep-on=ON',
  `--wsrep-provider=${galeraProvider() ?? 'none'}`,
  '--wsrep-cluster-name=latchkey',
  `--wsrep-node-name=${name}`,
  `--wsrep-cluster-address=gcomm://${groupPorts.map((port) => `127.0.0.1:${port}`).join()}`,
  `--wsrep-node-address=127.0.0.1:${ports.transfer}`,
  `--wsrep-sst-method=${TRANSFER}`,
  `--wsrep-provider-options=gmcast.listen_addr=tcp://127.0.0.1:${ports.group};ist.recv_addr=127.0.0.1:${ports.catchUp};gcache.size=256M`,
  '--binlog-format=ROW',
  '--innodb-autoinc-lock-mode=2',
]

const TRANSFER = 'position'

/**
 * A node that joins asks for the whole database, or for what it missed when another one still holds that. Here it always does: so nothing
 * is copied, and no program to copy with is needed; the giver only tells from where on it gives.
 */
const writeTransferScript = async (folder: string): Promise<void> => {
  const path = join(folder, `wsrep_sst_${TRANSFER}`)
  await mkdir(folder, { recursive: true })
  await writeFile(path, TRANSFER_SCRIPT)
  await chmod(path, 0o755)
}

const TRANSFER_SCRIPT = `#!/bin/sh
while [ $# -gt 0 ]; do
  case "$1" in
    --role) role=$2 ;;
    --address) address=$2 ;;
    --datadir) folder=$2 ;;
    --gtid) position=$2 ;;
    --bypass) missed_only=yes ;;
  esac
  shift
done
if [ "$role" = joiner ]; then
  rm -f "$folder/position" && mkfifo "$folder/position" || exit 1
  echo "ready 127.0.0.1/$folder/position"
  timeout 60 cat "$folder/position"
else
  [ "$missed_only" = yes ] || exit 1
  echo "$position" > "\${address#127.0.0.1/}"
  echo "done $position"
fi
`

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
