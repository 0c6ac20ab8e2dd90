// The log may be read slowly or not at all: whoever writes it goes on, and no line changes places.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createLogDestination } from '../../src/telemetry/log-destination.ts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

/** Within it every line is written, and what a reader did not take is offered to it again. */
const aMoment = () => vi.advanceTimersByTime(20)

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

test('the lines of a moment are one write when it ends', () => {
  const { write, writes } = setUp()
  for (const line of ['one\n', 'two\n']) write(line)
  vi.advanceTimersByTime(19)
  write('three\n')
  expect(writes).toEqual([])
  vi.advanceTimersByTime(1)
  expect(writes).toEqual(['one\ntwo\nthree\n'])
  write('four\n')
  aMoment()
  expect(writes).toEqual(['one\ntwo\nthree\n', 'four\n'])
})

test('what a slow reader does not take is kept, in order and byte for byte, and written when it takes more', () => {
  const { write, rig, written } = setUp()
  rig.room = 3
  write('zwölf\n')
  aMoment()
  write('dreizehn\n')
  aMoment()
  expect(Buffer.byteLength(written())).toBeGreaterThan(0)
  expect(written()).not.toContain('dreizehn')
  rig.room = Number.POSITIVE_INFINITY
  aMoment()
  expect(written()).toBe('zwölf\ndreizehn\n')
})

test('of a reader that takes nothing 4 MiB are kept; then lines are lost, counted, and that is told once', () => {
  const { write, rig, lost, written } = setUp()
  rig.room = 0
  const line = `${'x'.repeat(1_023)}\n`
  for (let n = 0; n < 5_000; n += 1) write(line)
  aMoment()
  expect(lost).toEqual([])
  rig.room = Number.POSITIVE_INFINITY
  aMoment()
  write('and on\n')
  aMoment()
  expect(written().length).toBe(4_096 * 1_024 + 'and on\n'.length)
  expect(lost).toEqual([5_000 - 4_096])
})

test('when nobody reads any more nothing is kept and nothing is thrown', () => {
  const { write, flush, rig, writes } = setUp()
  Object.assign(rig, { room: 0, code: 'EPIPE' })
  write('one\n')
  aMoment()
  rig.room = Number.POSITIVE_INFINITY
  write('two\n')
  flush?.()
  aMoment()
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
