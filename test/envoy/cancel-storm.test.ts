// Clients that leave during their Check, by the hundreds: Envoy's connection to Latchkey stands, and nobody else notices.
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AuthRequest } from '../../src/check/auth-request.ts'
import { deny } from '../../src/check/decision.ts'
import type { GrpcServer } from '../../src/grpc/server.ts'
import { startCheckServer } from '../support/check-server.ts'
import type { EnvoyRig } from '../support/envoy-rig.ts'
import { startEnvoyRig } from '../support/envoy-rig.ts'
import { recordFigure } from '../support/figures.ts'
import { ENVOYS } from '../support/tested-envoys.ts'

/** Node by itself closes a connection after a burst of 1,000 resets, then 33 a second. */
const PROVING = process.env['LATCHKEY_PROVE'] === '1'
const CANCELLED = PROVING ? 20_000 : 2_000
const AT_ONCE = 100
const PASSING = '/passing'

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
      if (request?.path === PASSING) return deny('invalid_key', 'no such key')
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

  const connectionsMade = async (): Promise<number> => {
    const page = `http://127.0.0.1:${rig.envoy.adminPort}/stats?filter=^cluster.latchkey.upstream_cx_total$`
    return Number((await (await fetch(page)).text()).split(':').at(-1))
  }

  /** Sends a request and leaves as soon as Latchkey has it. */
  const leave = async (path: string): Promise<void> => {
    const asked = Promise.withResolvers<void>()
    began.set(path, asked.resolve)
    const socket = connect(rig.envoy.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write(`GET ${path} HTTP/1.1\r\nhost: models.test\r\n\r\n`)
    await asked.promise
    socket.destroy()
    began.delete(path)
  }

  it(`after ${CANCELLED} clients left, the others still wait on the same connection`, async () => {
    const waiting = rig.send({ path: '/patient' })
    const asked = Promise.withResolvers<void>()
    began.set('/patient', asked.resolve)
    await asked.promise
    const before = await connectionsMade()
    const leaver = async (_: unknown, lane: number) => {
      for (let count = 0; count < CANCELLED / AT_ONCE; count += 1) await leave(`/leaves/${lane}/${count}`)
    }
    const passed: number[] = []
    let storming = true
    const passer = async () => {
      while (storming) passed.push((await rig.send({ path: PASSING })).status)
    }
    const passers = [passer(), passer()]
    await Promise.all(Array.from({ length: AT_ONCE }, leaver))
    storming = false
    await Promise.all(passers)
    expect([passed.length > 0, passed.filter((status) => status !== 401)]).toEqual([true, []])
    expect(await connectionsMade()).toBe(before)
    innocent.reject(new Error('the storm is over'))
    // Answered by the very Check that was waiting all the time.
    expect([(await waiting).status, JSON.parse((await waiting).body).error.code]).toEqual([
      500,
      'internal_error',
    ])
    recordFigure({
      name: `requests answered, none failed, while Envoy ${version} cancelled ${CANCELLED} Checks on their connection`,
      value: passed.length,
      unit: 'requests',
      command: 'make prove CASE=envoys',
    })
  })
})
