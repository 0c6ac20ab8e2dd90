// The supervisor with workers that only pretend: who is replaced, how soon, and what ends all of them.
import { describe, expect, test } from 'vitest'
import { createLogger } from '../../src/telemetry/logger.ts'
import type { FromWorker, ToWorker } from '../../src/workers/messages.ts'
import { createPatience } from '../../src/workers/patience.ts'
import { supervise } from '../../src/workers/supervisor.ts'
import type { Ended, StartWorker } from '../../src/workers/worker-process.ts'
import { until } from '../support/until.ts'

type Fake = Readonly<{
  index: number
  said: readonly ToWorker[]
  say(message: FromWorker): void
  end(ended: Partial<Ended>): void
}>

/** `obedient` workers end with 0 when they are told to stop. */
const aSupervisor = (workers: number, { obedient = true } = {}) => {
  const started: Fake[] = []
  const startWorker: StartWorker = (index, hear) => {
    const { promise: ended, resolve } = Promise.withResolvers<Ended>()
    const end = (how: Partial<Ended>) => resolve({ code: null, signal: null, ...how })
    const said: ToWorker[] = []
    started.push({ index, said, say: hear, end })
    const send = (message: ToWorker) => {
      said.push(message)
      if (message.type === 'stop' && obedient) end({ code: 0 })
    }
    return { pid: 1_000_000 + started.length, send, ended }
  }
  let nowMs = 0
  const waits: number[] = []
  const wait = async (ms: number) => void waits.push(ms)
  const { promise: stop, resolve: stopAll } = Promise.withResolvers<void>()
  const log = createLogger({ level: 'silent', format: 'json' })
  const ended = supervise(workers, { startWorker, clock: { monotonicMs: () => nowMs }, log, wait, stop })
  const nth = async (count: number): Promise<Fake> => {
    await until(() => started.length >= count)
    const fake = started[count - 1]
    if (fake === undefined) throw new Error('not started')
    return fake
  }
  return { started, waits, nth, ended, stopAll, pass: (ms: number) => (nowMs += ms) }
}

const allServing = async (rig: ReturnType<typeof aSupervisor>, workers: number) => {
  for (let count = 1; count <= workers; count += 1) (await rig.nth(count)).say({ type: 'serving' })
}

describe('a supervisor', () => {
  test('starts the others when the first one serves, and stops all in good order', async () => {
    const rig = aSupervisor(3)
    const first = await rig.nth(1)
    expect(rig.started).toHaveLength(1)
    first.say({ type: 'serving' })
    await rig.nth(3)
    expect(rig.started.map(({ index }) => index)).toEqual([0, 1, 2])
    rig.stopAll()
    expect(await rig.ended).toEqual({ code: 0, words: undefined })
    for (const { said } of rig.started) expect(said).toEqual([{ type: 'stop' }])
  })

  test.each([64, 69, 1])('ends with the code of a first worker that cannot start: %i', async (code) => {
    const rig = aSupervisor(3)
    ;(await rig.nth(1)).end({ code })
    expect(await rig.ended).toEqual({ code, words: undefined })
    expect(rig.started).toHaveLength(1)
  })

  test('ends all when a later one cannot start', async () => {
    const rig = aSupervisor(2)
    ;(await rig.nth(1)).say({ type: 'serving' })
    ;(await rig.nth(2)).end({ code: 64 })
    expect(await rig.ended).toEqual({ code: 64, words: undefined })
    expect(rig.started[0]?.said).toEqual([{ type: 'stop' }])
  })

  test('gives up with the fifth death of one worker within a minute, not with as many of all', async () => {
    const rig = aSupervisor(2)
    await allServing(rig, 2)
    const current = [await rig.nth(1), await rig.nth(2)]
    for (let death = 0; death < 8; death += 1) {
      current[death % 2]?.end({ signal: 'SIGKILL' })
      current[death % 2] = await rig.nth(3 + death)
    }
    current[1]?.end({ code: 7 })
    expect(await rig.ended).toEqual({
      code: 7,
      words: 'worker 1 ended 5 times within a minute, the last time with code 7',
    })
  })

  test('replaces for ever who dies now and then', async () => {
    const rig = aSupervisor(1)
    await allServing(rig, 1)
    for (let death = 1; death <= 12; death += 1) {
      ;(await rig.nth(death)).end({ signal: 'SIGSEGV' })
      await rig.nth(death + 1)
      rig.pass(20_000)
    }
    rig.stopAll()
    expect(await rig.ended).toEqual({ code: 0, words: undefined })
  })

  test('replaces who left in good order, as often as that may be', async () => {
    const rig = aSupervisor(1)
    await allServing(rig, 1)
    for (let left = 1; left <= 10; left += 1) {
      ;(await rig.nth(left)).end({ code: 0 })
      await rig.nth(left + 1)
    }
    rig.stopAll()
    expect(await rig.ended).toEqual({ code: 0, words: undefined })
  })

  test('goes on with those that serve while the store of another is unavailable', async () => {
    const rig = aSupervisor(2)
    await allServing(rig, 2)
    ;(await rig.nth(2)).end({ signal: 'SIGKILL' })
    ;(await rig.nth(3)).end({ code: 69 })
    await rig.nth(4)
    expect(rig.waits).toEqual([0, 1_000])
    rig.stopAll()
    expect(await rig.ended).toEqual({ code: 0, words: undefined })
  })

  test('tells in its exit code that a worker did not end in good order', async () => {
    const rig = aSupervisor(2, { obedient: false })
    await allServing(rig, 2)
    rig.stopAll()
    ;(await rig.nth(1)).end({ code: 0 })
    ;(await rig.nth(2)).end({ signal: 'SIGKILL' })
    expect(await rig.ended).toEqual({ code: 1, words: undefined })
  })
})

test('a worker is replaced at once, then after waits that grow', () => {
  let nowMs = 0
  const patience = createPatience({ monotonicMs: () => nowMs })
  expect([1, 2, 3, 4, 5].map(() => patience.died())).toEqual([0, 200, 400, 800, undefined])
  nowMs += 60_000
  expect(patience.died()).toBe(0)
})
