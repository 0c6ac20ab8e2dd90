// Clients that leave during their Check, by the hundreds: Envoy's connection to Latchkey stands, and nobody else notices.
import { connect } from 'node:net'
import { setInterval } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AuthRequest } from '../../src/check/auth-request.ts'
import type { GrpcServer } from '../../src/grpc/server.ts'
import { startCheckServer } from '../support/check-server.ts'
import { anAllow } from '../support/decisions.ts'
import type { EnvoyRig } from '../support/envoy-rig.ts'
import { chatBody, startEnvoyRig } from '../support/envoy-rig.ts'
import { recordFigure } from '../support/figures.ts'
import { startOpenLoop } from '../support/open-loop.ts'
import { ENVOYS } from '../support/tested-envoys.ts'
import { TEST_TRANSPORT } from '../support/transport.ts'
import { until } from '../support/until.ts'

/** Node by itself closes a connection after a burst of 1,000 resets, then 33 a second. */
const PROVING = process.env['LATCHKEY_PROVE'] === '1'
const CANCELLED = PROVING ? 20_000 : 2_000
const LEAVING_PER_SECOND = 2_000
const PASSING_PER_SECOND = 100
/** A machine that is slower sends fewer a second. */
const AT_ONCE = 500
const PASSING = '/v1/chat/completions'

/** Longer than any storm: nobody is answered because time is up. */
const PATIENT_MS = 300_000
const HCM = ['static_resources', 'listeners', 0, 'filter_chains', 0, 'filters', 0, 'typed_config']
const EXT_AUTHZ_SERVICE = [...HCM, 'http_filters', 0, 'typed_config', 'grpc_service']

describe.each(ENVOYS)('Envoy %s', (version) => {
  let rig: EnvoyRig
  let server: GrpcServer
  const began = new Map<string, () => void>()
  beforeAll(async () => {
    rig = await startEnvoyRig({
      version,
      change: (document) => {
        document.setIn([...EXT_AUTHZ_SERVICE, 'timeout'], `${PATIENT_MS / 1000}s`)
        document.setIn([...EXT_AUTHZ_SERVICE, 'retry_policy', 'num_retries'], 0)
        document.setIn(
          [...EXT_AUTHZ_SERVICE, 'retry_policy', 'retry_back_off', 'max_interval'],
          `${PATIENT_MS / 1000}s`,
        )
      },
    })
    // Who is not passing is never answered: each of them leaves, or is refused at the end.
    const check = async (request: AuthRequest | undefined) => {
      if (request?.path === PASSING) return anAllow({ route: 'openai' })
      began.get(request?.path ?? '')?.()
      return innocent.promise
    }
    server = await startCheckServer(check, { checkTimeoutMs: PATIENT_MS })
    rig.proxy.aimAt(server.address)
  })
  afterAll(async () => {
    await rig.close()
    await server.drain()
  })

  const innocent = Promise.withResolvers<never>()

  /** What Envoy counted of its connections to Latchkey. */
  const counted = async (name: string): Promise<number> => {
    const page = `http://127.0.0.1:${rig.envoy.adminPort}/stats?filter=^cluster.latchkey.${name}$`
    return Number((await (await fetch(page)).text()).split(':').at(-1))
  }

  /** Sends a request and leaves as soon as Latchkey has it. */
  const leave = async (path: string): Promise<void> => {
    const asked = Promise.withResolvers<void>()
    began.set(path, asked.resolve)
    const socket = connect(rig.envoy.port, '127.0.0.1')
    // Nobody is answered before the end, unless the connection to Latchkey breaks.
    socket.on('data', (answer) => asked.reject(new Error(String(answer))))
    socket.on('error', asked.reject)
    socket.write(`GET ${path} HTTP/1.1\r\nhost: models.test\r\n\r\n`)
    await asked.promise
    socket.destroy()
    began.delete(path)
  }

  /** Returns how many left a second. */
  const storm = async (): Promise<number> => {
    const leaving = new Set<Promise<void>>()
    const failed: unknown[] = []
    const beganMs = performance.now()
    const seconds = () => (performance.now() - beganMs) / 1_000
    let begun = 0
    for await (const _ of setInterval(TICK_MS)) {
      const due = Math.min(CANCELLED, seconds() * LEAVING_PER_SECOND)
      for (; begun < due && leaving.size < AT_ONCE; begun += 1) {
        const one = leave(`/leaves/${begun}`).catch((error) => void failed.push(error))
        leaving.add(one)
        void one.then(() => leaving.delete(one))
      }
      if (begun === CANCELLED || failed.length > 0) break
    }
    await Promise.all(leaving)
    expect(failed).toEqual([])
    return CANCELLED / seconds()
  }

  it(`after ${CANCELLED} clients left, the others still wait on the same connection`, async () => {
    const waiting = rig.send({ path: '/patient' })
    const asked = Promise.withResolvers<void>()
    began.set('/patient', asked.resolve)
    await asked.promise
    const before = await counted('upstream_cx_total')
    const passing = startOpenLoop(rig.envoy.port, PASSING_PER_SECOND, () => ({
      path: PASSING,
      headers: { 'content-type': 'application/json' },
      body: chatBody('gpt-4o-mini'),
    }))
    const leftPerSecond = await storm()
    const { sent, answers } = await passing.stop()
    expect([sent > 0, answers]).toEqual([true, { 200: sent }])
    expect(await counted('upstream_cx_total')).toBe(before)
    await until(async () => (await counted('upstream_rq_tx_reset')) === CANCELLED)
    innocent.reject(new Error('the storm is over'))
    // Answered by the very Check that was waiting all the time.
    expect([(await waiting).status, JSON.parse((await waiting).body).error.code]).toEqual([
      500,
      'internal_error',
    ])
    const command = `make prove CASE=${TEST_TRANSPORT === 'lane' ? 'envoys' : 'grpc-js-envoys'}`
    recordFigure({
      name: `requests answered, none failed, while Envoy ${version} cancelled ${CANCELLED} Checks on their connection`,
      value: sent,
      unit: 'requests',
      command,
    })
    recordFigure({
      name: `Checks that Envoy ${version} cancelled a second, of ${CANCELLED}`,
      value: Math.round(leftPerSecond),
      unit: 'Checks',
      command,
    })
  })
})

const TICK_MS = 5
