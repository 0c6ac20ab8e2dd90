// A lane that is attacked over one connection while another asks it without pause, and what came of both.
import type { ChildProcessByStdio } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { afterAll, expect } from 'vitest'
import { TYPE, uint32Frame } from '../../src/grpc/lane/frame.ts'
import { onClose } from './closing.ts'
import type { FrameClient } from './lane-rig.ts'
import { aFrameClient, answerOf, data, headers } from './lane-rig.ts'

export type AttackedLane = Readonly<{
  attacker: FrameClient
  /** Has all of it taken by the kernel, or thrown away when the connection ends before. */
  flood(bytes: Buffer): Promise<void>
  /** With that code; undefined: any. */
  expectEnded(code: number): Promise<void>
  /** The connection goes on: a call on that stream is answered. */
  expectGoesOn(stream: number): Promise<void>
  /** All questions of the other connection were answered, and the server never took more memory than it may. */
  expectUnharmed(): Promise<void>
  /** Most memory that it had at once. */
  peakMib(): Promise<number>
}>

const HELLO = Buffer.from('hello')
/** 70 when idle; 64 of DATA and 32 of heads by its limits, and what is not collected yet. */
const MOST_MIB = 400

export const anAttackedLane = async (
  settings: readonly (readonly [number, number])[] = [],
): Promise<AttackedLane> => {
  const { child, port, end } = await (OWN_PROCESS ? aProcess() : sharedProcess())
  if (OWN_PROCESS) onClose(end)
  const attacker = await aFrameClient(port, { settings })
  const other = await aFrameClient(port)
  other.send(uint32Frame(TYPE.windowUpdate, 0, 0x7000_0000))
  const stop = ask(other)
  const peakMib = async () =>
    Number(/VmHWM:\s+(\d+) kB/.exec(await readFile(`/proc/${child.pid}/status`, 'utf8'))?.[1]) / 1_024
  return {
    attacker,
    async flood(bytes) {
      const { socket } = attacker
      const taken = Promise.withResolvers<void>()
      const over = () => taken.resolve()
      socket.once('close', over)
      if (socket.write(bytes, over)) over()
      await taken.promise
      socket.off('close', over)
    },
    async expectEnded(code) {
      const goaway = await attacker.next(({ type }) => type === TYPE.goaway)
      expect(goaway.payload.readUInt32BE(4)).toBe(code)
    },
    async expectGoesOn(stream) {
      attacker.send(headers(stream), data(stream, HELLO))
      expect(await answerOf(attacker, stream)).toEqual(HELLO)
    },
    async expectUnharmed() {
      expect(await stop()).toBeGreaterThan(0)
      expect(child.exitCode).toBeNull()
      expect(await peakMib()).toBeLessThan(MOST_MIB)
    },
    peakMib,
  }
}

/** To each attack a process of its own, which takes longer than most attacks; else all of a file have one. */
const OWN_PROCESS = process.env['LATCHKEY_PROVE'] === '1'

type LaneProcess = Readonly<{
  child: ChildProcessByStdio<Writable, Readable, null>
  port: number
  end: () => Promise<unknown>
}>

const aProcess = async (): Promise<LaneProcess> => {
  const child = spawn(
    process.execPath,
    // What is never freed ends it.
    ['--max-old-space-size=128', join(import.meta.dirname, 'lane-process.ts')],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  )
  const exited = once(child, 'exit')
  const port = Number(String(await once(child.stdout, 'data')))
  return {
    child,
    port,
    end() {
      child.stdin.end()
      return exited
    },
  }
}

let shared: Promise<LaneProcess> | undefined
const sharedProcess = (): Promise<LaneProcess> => {
  shared ??= aProcess()
  return shared
}
afterAll(async () => (await shared)?.end())

/** One question after the other until it is stopped, which says how many were answered; one that is not rejects. */
const ask = (client: FrameClient): (() => Promise<number>) => {
  let going = true
  const asking = (async () => {
    let asked = 0
    // One more after it was stopped, so that the state after the attack is asked, too.
    for (let last = false; !last; asked += 1) {
      last = !going
      const stream = 2 * asked + 1
      client.send(headers(stream), data(stream, HELLO))
      expect(await answerOf(client, stream)).toEqual(HELLO)
    }
    return asked
  })()
  asking.catch(() => {})
  return () => {
    going = false
    return asking
  }
}
