// Latchkeys restart under load behind one Envoy with a shipped recipe: no request fails, and none is charged twice.
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { recordFigure } from '../support/figures.ts'
import type { LoopResult } from '../support/open-loop.ts'
import { startOpenLoop } from '../support/open-loop.ts'
import type { Replica } from '../support/replicas.ts'
import type { RestartRig, RestartRigOptions } from '../support/restart-rig.ts'
import { COUNTED_EVERY, startRestartRig } from '../support/restart-rig.ts'
import { ENVOYS } from '../support/tested-envoys.ts'

const PROVE = process.env['LATCHKEY_PROVE'] === '1'
const RESTARTS = PROVE ? 20 : 2
const REQUESTS_PER_SECOND = PROVE ? 500 : 100
const NEWEST = ENVOYS.at(-1) ?? ''

const NAMES = ['one', 'two'] as const

let rig: RestartRig | undefined
afterEach(async () => {
  await rig?.close()
  rig = undefined
})

describe(`${RESTARTS} times at ${REQUESTS_PER_SECOND} requests a second`, () => {
  test('envoy/two-sidecars.yaml: one restarts after the other, and no request fails', async () => {
    const { two, running } = await openTwo()
    const result = await underLoad('rolling restarts of two', two, async () => {
      for (let restart = 0; restart < RESTARTS; restart += 1)
        for (const name of NAMES) {
          await stopInGoodOrder(running[name])
          running[name] = await two.start(name)
          // As docs/envoy.md says: not the next one before Envoy has this one back.
          await two.untilHealthy(2)
        }
    })
    await expectEachAllowedAndChargedOnce(two, result)
  })

  test('envoy/sidecar.yaml: a successor takes over the socket file, and no request fails', async () => {
    const single = await open({ recipe: 'sidecar', sockets: ['latchkey'] })
    let current = await single.start('latchkey')
    const result = await underLoad('overlapping restarts of one', single, async () => {
      for (let restart = 0; restart < RESTARTS; restart += 1) {
        const successor = await single.start('latchkey')
        await stopInGoodOrder(current)
        await expectReachable(successor)
        current = successor
      }
    })
    await expectEachAllowedAndChargedOnce(single, result)
  })
})

const open = async (options: Pick<RestartRigOptions, 'recipe' | 'sockets'>): Promise<RestartRig> => {
  rig = await startRestartRig({ version: NEWEST, patient: !PROVE, ...options })
  return rig
}

const openTwo = async () => {
  const two = await open({ recipe: 'two-sidecars', sockets: NAMES })
  const running = { one: await two.start('one'), two: await two.start('two') }
  await two.untilHealthy(2)
  return { two, running }
}

const stopInGoodOrder = async (replica: Replica) => {
  await replica.stop()
  expect(replica.process.exitCode).toBe(0)
}

/** Also by who has no connection to it yet. */
const expectReachable = async ({ address }: Replica): Promise<void> => {
  const socket = connect(address.slice('unix:'.length))
  await once(socket, 'connect')
  socket.destroy()
}

/** The load runs while `restarts` does. */
const underLoad = async (
  name: string,
  { port, request }: RestartRig,
  restarts: () => Promise<void>,
): Promise<LoopResult> => {
  const loop = startOpenLoop(port, REQUESTS_PER_SECOND, request)
  try {
    await restarts()
  } catch (error) {
    await loop.stop()
    throw error
  }
  const result = await loop.stop()
  const { sent, answers, slowestMs, latestMs } = result
  const during = `during ${RESTARTS} ${name} at ${REQUESTS_PER_SECOND} a second`
  recordFigure({ name: `requests sent ${during}`, value: sent })
  recordFigure({ name: `requests that failed ${during}`, value: sent - (answers['200'] ?? 0) })
  recordFigure({ name: `slowest answer ${during}`, value: Math.round(slowestMs), unit: 'ms' })
  recordFigure({ name: `latest request ${during}`, value: Math.round(latestMs), unit: 'ms after it was due' })
  return result
}

/** Nothing is lost, and nothing is charged twice by a retry that came to the other process. */
const expectEachAllowedAndChargedOnce = async (
  { used }: RestartRig,
  { sent, answers, latestMs }: LoopResult,
): Promise<void> => {
  expect(sent).toBeGreaterThan(REQUESTS_PER_SECOND)
  // The recipes give a Check half a second: what comes of them on a machine that is busy elsewhere is told apart by this.
  const load = `requests went out up to ${Math.round(latestMs)} ms late`
  expect(answers, load).toEqual({ 200: sent })
  expect(await used()).toBe(Math.ceil(sent / COUNTED_EVERY))
}
