// The least that answers Envoy's ext_authz in Go, to compare with: built with the Go of this machine, where there is one.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join, resolve } from 'node:path'
import type { Asked } from './asked.ts'

const SOURCE = resolve(import.meta.dirname, 'peers/go')
const BUILT = resolve(import.meta.dirname, '../.cache/bench/go-peer')

/** Where the program is, or why there is none. */
export const buildGoPeer = (): Readonly<{ path: string }> | Readonly<{ missing: string }> => {
  if (spawnSync('go', ['version']).status !== 0) return { missing: 'there is no Go on this machine' }
  const { status, stderr } = spawnSync('go', ['build', '-trimpath', '-o', BUILT, '.'], {
    cwd: SOURCE,
    encoding: 'utf8',
  })
  return status === 0 ? { path: BUILT } : { missing: `it could not be built: ${stderr.slice(-500)}` }
}

/** On one processor, as everything that it is compared with. */
export const startGoPeer = async (program: string, directory: string): Promise<Asked> => {
  const socket = join(directory, 'go.sock')
  const child = spawn(program, [`unix:${socket}`], {
    env: { GOMAXPROCS: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  await Promise.race([
    once(child.stdout, 'data'),
    exited.then(([code]) => {
      throw new Error(`the Go server ended with ${code}`)
    }),
  ])
  return {
    name: 'Go',
    address: `unix:${socket}`,
    pid: child.pid ?? 0,
    stop: async () => {
      child.kill()
      await exited
    },
  }
}
