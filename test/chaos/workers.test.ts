// Workers are killed under load, one after the other, behind an Envoy with the recipe for them: no request fails.
import { afterEach, expect, test } from 'vitest'
import { recordFigure } from '../support/figures.ts'
import { startOpenLoop } from '../support/open-loop.ts'
import type { RestartRig } from '../support/restart-rig.ts'
import { COUNTED_EVERY, startRestartRig } from '../support/restart-rig.ts'
import { ENVOYS } from '../support/tested-envoys.ts'
import { until } from '../support/until.ts'
import type { Workers } from '../support/workers-rig.ts'
import { startWorkers, WORKER_SOCKETS } from '../support/workers-rig.ts'

const PROVE = process.env['LATCHKEY_PROVE'] === '1'
const KILLS = PROVE ? 20 : 2
const REQUESTS_PER_SECOND = PROVE ? 500 : 100
/** Of the two in turn: one that ends five times within a minute ends all of them. */
const BETWEEN_MS = PROVE ? 8_000 : 500
const STOPS = 5
const STOPPED_MS = 3_000

let openRig: RestartRig | undefined
let openWorkers: Workers | undefined
afterEach(async () => {
  await openWorkers?.close()
  await openRig?.close()
})

const startBoth = async () => {
  const version = ENVOYS.at(-1) ?? ''
  const rig = await startRestartRig({ version, recipe: 'workers', sockets: WORKER_SOCKETS, patient: !PROVE })
  openRig = rig
  const workers = startWorkers(rig)
  openWorkers = workers
  await workers.untilServing(2)
  await rig.untilHealthy(2)
  return { rig, workers }
}

/** While the requests go on. */
const passed = (ms: number): Promise<void> => {
  const sinceMs = performance.now()
  return until(() => performance.now() - sinceMs >= ms)
}

test(`a worker is killed ${KILLS} times at ${REQUESTS_PER_SECOND} requests a second: none fails, each is replaced`, {
  timeout: 540_000,
}, async () => {
  const { rig, workers } = await startBoth()
  const loop = startOpenLoop(rig.port, REQUESTS_PER_SECOND, rig.request)
  for (let kill = 1; kill <= KILLS; kill += 1) {
    await passed(BETWEEN_MS)
    process.kill(workers.pidsOf(kill % 2).at(-1) ?? 0, 'SIGKILL')
    await workers.untilServing(2 + kill)
    await rig.untilHealthy(2)
  }
  const { sent, answers, slowestMs } = await loop.stop()
  const used = (await rig.used()) ?? 0
  const counted = Math.ceil(sent / COUNTED_EVERY)
  const during = `while a worker was killed ${KILLS} times at ${REQUESTS_PER_SECOND} a second`
  recordFigure({ name: `requests sent ${during}`, value: sent })
  recordFigure({ name: `requests that failed ${during}`, value: sent - (answers['200'] ?? 0) })
  recordFigure({ name: `units charged that nobody used ${during}`, value: used - counted })
  recordFigure({ name: `slowest answer ${during}`, value: Math.round(slowestMs), unit: 'ms' })
  expect(answers).toEqual({ 200: sent })
  expect(workers.log.filter(({ msg }) => msg === 'worker ended')).toHaveLength(KILLS)
  // What a killed worker had charged and not answered is charged again by the other one, and never admitted twice.
  expect(used).toBeGreaterThanOrEqual(counted)
  expect(used - counted).toBeLessThanOrEqual(KILLS * MOST_IN_FLIGHT)
})

test.runIf(PROVE)(
  `a worker hangs ${STOPS} times at ${REQUESTS_PER_SECOND} requests a second: none fails`,
  { timeout: 120_000 },
  async () => {
    const { rig, workers } = await startBoth()
    const loop = startOpenLoop(rig.port, REQUESTS_PER_SECOND, rig.request)
    for (let stop = 1; stop <= STOPS; stop += 1) {
      const pid = workers.pidsOf(stop % 2).at(-1) ?? 0
      process.kill(pid, 'SIGSTOP')
      await passed(STOPPED_MS)
      process.kill(pid, 'SIGCONT')
      await rig.untilHealthy(2)
      await passed(STOPPED_MS)
    }
    const { sent, answers, slowestMs } = await loop.stop()
    const during = `while a worker hung ${STOPS} times at ${REQUESTS_PER_SECOND} a second`
    recordFigure({ name: `requests sent ${during}`, value: sent })
    recordFigure({ name: `requests that failed ${during}`, value: sent - (answers['200'] ?? 0) })
    recordFigure({ name: `slowest answer ${during}`, value: Math.round(slowestMs), unit: 'ms' })
    expect(answers).toEqual({ 200: sent })
  },
)

/** Checks of the limited key that one worker has at a time. */
const MOST_IN_FLIGHT = 50
