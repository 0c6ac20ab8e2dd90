// The log may be read slowly or not at all: whoever writes it goes on, and no line changes places.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { setImmediate as turn } from 'node:timers/promises'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { createLogDestination } from '../../src/telemetry/log-destination.ts'
import { until } from '../support/until.ts'

const setUp = () => {
  const writes: string[] = []
  const lost: number[] = []
  const rig = { room: Number.POSITIVE_INFINITY, code: 'EAGAIN' }
  const writeBytes = (bytes: Uint8Array) => {
    if (rig.room === 0) throw Object.assign(new Error(rig.code), { code: rig.code })
    const taken = bytes.subarray(0, rig.room)
    rig.room -= taken.length
    writes.push(Buffer.from(taken).toString('latin1'))
    return taken.length
  }
  const destination = createLogDestination({ writeBytes, lost: (lines) => lost.push(lines) })
  return {
    ...destination,
    rig,
    writes,
    lost,
    written: () => Buffer.from(writes.join(''), 'latin1').toString(),
  }
}

test('the lines of a turn are one write when it ends', async () => {
  const { write, writes } = setUp()
  for (const line of ['one\n', 'two\n']) write(line)
  expect(writes).toEqual([])
  await turn()
  expect(writes).toEqual(['one\ntwo\n'])
  write('three\n')
  await turn()
  expect(writes).toEqual(['one\ntwo\n', 'three\n'])
})

test('what a slow reader does not take is kept, in order and byte for byte, and written when it takes more', async () => {
  const { write, rig, written } = setUp()
  rig.room = 3
  write('zwölf\n')
  await turn()
  write('dreizehn\n')
  await turn()
  expect(Buffer.byteLength(written())).toBeGreaterThan(0)
  expect(written()).not.toContain('dreizehn')
  rig.room = Number.POSITIVE_INFINITY
  await until(() => written() === 'zwölf\ndreizehn\n')
})

test('of a reader that takes nothing 4 MiB are kept; then lines are lost, counted, and that is told once', async () => {
  const { write, rig, lost, written } = setUp()
  rig.room = 0
  const line = `${'x'.repeat(1_023)}\n`
  for (let n = 0; n < 5_000; n += 1) write(line)
  await turn()
  expect(lost).toEqual([])
  rig.room = Number.POSITIVE_INFINITY
  await until(() => lost.length > 0)
  write('and on\n')
  await turn()
  expect(written().length).toBe(4_096 * 1_024 + 'and on\n'.length)
  expect(lost).toEqual([5_000 - 4_096])
})

test('when nobody reads any more nothing is kept and nothing is thrown', async () => {
  const { write, flush, rig, writes } = setUp()
  Object.assign(rig, { room: 0, code: 'EPIPE' })
  write('one\n')
  await turn()
  rig.room = Number.POSITIVE_INFINITY
  write('two\n')
  flush?.()
  await turn()
  expect(writes).toEqual([])
})

const MODULE = new URL('../../src/telemetry/log-destination.ts', import.meta.url).href
const script = (end: string) => `import { createLogDestination } from ${JSON.stringify(MODULE)}
  process.stdout.on('error', () => {})
  const log = createLogDestination({ lost: () => {} })
  for (let n = 1; n <= 20_000; n += 1) log.write('line ' + n + '\\n')
  ${end}`
const whole = Array.from({ length: 20_000 }, (_, at) => `line ${at + 1}\n`).join('')

test.each(['process.exit(0)', ''])(
  'at the end of the process all is written, to a pipe too small for it (%j)',
  async (end) => {
    const args = ['--input-type=module', '-e', script(end)]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    const [read] = await Promise.all([text(child.stdout), once(child, 'close')])
    expect(read).toBe(whole)
  },
)

test('before an error that nobody catches ends the process too', async () => {
  const args = ['--input-type=module', '-e', script(`throw new Error('ours')`)]
  const ran = promisify(execFile)(process.execPath, args)
  await expect(ran).rejects.toMatchObject({ code: 1, stdout: whole, stderr: expect.stringContaining('ours') })
})
