// A real Envoy with the recipe for workers: both get their part of the Checks, and a limit is exact over both.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { aKeyIn } from '../support/app-rig.ts'
import type { LoopRequest } from '../support/open-loop.ts'
import { startOpenLoop } from '../support/open-loop.ts'
import type { RestartRig } from '../support/restart-rig.ts'
import { startRestartRig } from '../support/restart-rig.ts'
import { ENVOYS } from '../support/tested-envoys.ts'
import { until } from '../support/until.ts'
import type { Workers } from '../support/workers-rig.ts'
import { startWorkers, usedOf, WORKER_SOCKETS } from '../support/workers-rig.ts'

const REQUESTS = 1_000

describe.each(ENVOYS)('Envoy %s with two workers', (version) => {
  let rig: RestartRig
  let workers: Workers
  beforeAll(async () => {
    rig = await startRestartRig({ version, recipe: 'workers', sockets: WORKER_SOCKETS, patient: true })
    workers = startWorkers({ ...rig, env: { LATCHKEY_DRAIN_DELAY: '1h' } })
    await workers.untilServing(2)
    await rig.untilHealthy(2)
  })
  afterAll(async () => {
    await workers.close()
    await rig.close()
  })

  /** Sends at least so many, and tells how many of each answer there were. */
  const send = async (count: number, request: (nth: number) => LoopRequest) => {
    const loop = startOpenLoop(rig.port, 500, request)
    await until(() => loop.sent() >= count)
    return loop.stop()
  }

  it('asks each of them at least two times in five', async () => {
    const { sent, answers } = await send(REQUESTS, rig.request)
    expect(answers).toEqual({ 200: sent })
    const asked = await checksOf(rig)
    expect(asked.reduce((sum, each) => sum + each, 0)).toBe(sent)
    for (const each of asked) expect(each).toBeGreaterThanOrEqual(0.4 * sent)
  })

  it('admits exactly what a limit allows', async () => {
    const limit = { unit: 'requests', period: 'total', zone: 'UTC', amount: 150 } as const
    const { id, secret } = await aKeyIn(rig.store, { limits: [limit] })
    const headers = { ...rig.request(0).headers, authorization: `Bearer ${secret}` }
    const { sent, answers } = await send(300, (nth) => ({ ...rig.request(nth), headers }))
    expect(sent).toBeGreaterThanOrEqual(300)
    expect(answers['200']).toBe(150)
    const refused = Object.entries(answers).filter(([answer]) => answer.startsWith('429 '))
    expect(refused.reduce((sum, [, count]) => sum + count, 0)).toBe(sent - 150)
    expect(await usedOf(rig.store, id)).toBe(150)
  })

  it('asks them while both say that they leave', async () => {
    workers.kill('SIGTERM')
    await rig.untilHealthy(0)
    const { sent, answers } = await send(50, rig.request)
    expect(answers).toEqual({ 200: sent })
  })
})

/** Requests to each endpoint, health checks not counted. */
const checksOf = async ({ adminPort }: RestartRig): Promise<readonly number[]> => {
  const page = await (await fetch(`http://127.0.0.1:${adminPort}/clusters`)).text()
  return [...page.matchAll(/^latchkey::\S+\.sock\.\d::rq_total::(\d+)$/gm)].map(([, count]) => Number(count))
}
