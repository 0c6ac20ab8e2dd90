// Connections that grow old under load: Envoy opens others, with its shipped retries no request is lost.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { deny } from '../../src/check/decision.ts'
import type { GrpcServer } from '../../src/grpc/server.ts'
import { startCheckServer } from '../support/check-server.ts'
import type { EnvoyRig } from '../support/envoy-rig.ts'
import { startEnvoyRig } from '../support/envoy-rig.ts'
import { recordFigure } from '../support/figures.ts'
import { ENVOYS } from '../support/tested-envoys.ts'

const PROVING = process.env['LATCHKEY_PROVE'] === '1'
/** Some thousand times as often as anybody would configure it. */
const AGE_MS = 100
const REPLACED = PROVING ? 100 : 10
const AT_ONCE = 16

describe.each(ENVOYS)('Envoy %s', (version) => {
  let rig: EnvoyRig
  let server: GrpcServer
  beforeAll(async () => {
    server = await startCheckServer(async () => deny('invalid_key', 'no such key'), {
      maxConnectionAgeMs: AGE_MS,
    })
    const [host, port] = server.address.split(':')
    rig = await startEnvoyRig({
      version,
      // Not by way of the proxy: what stands in it when one side closes is lost.
      change: (document) => {
        const clusters: readonly { name: string }[] = document.toJS().static_resources.clusters
        const index = clusters.findIndex(({ name }) => name === 'latchkey')
        const endpoint = ['load_assignment', 'endpoints', 0, 'lb_endpoints', 0, 'endpoint']
        document.setIn(['static_resources', 'clusters', index, ...endpoint], {
          address: { socket_address: { address: host, port_value: Number(port) } },
        })
      },
    })
  })
  afterAll(async () => {
    await rig.close()
    await server.drain()
  })

  const counter = async (name: string): Promise<number> => {
    const page = `http://127.0.0.1:${rig.envoy.adminPort}/stats?filter=^cluster.latchkey.${name}$`
    return Number((await (await fetch(page)).text()).split(':').at(-1))
  }

  it(`of the requests that ${REPLACED} replaced connections carried, each is answered`, async () => {
    const answers = new Map<number, number>()
    let replaced = 0
    const lane = async () => {
      while (replaced < REPLACED) {
        const { status } = await rig.send({ path: '/' })
        answers.set(status, (answers.get(status) ?? 0) + 1)
      }
    }
    const watch = async () => {
      while (replaced < REPLACED) {
        await rig.send({ path: '/' })
        replaced = await counter('upstream_cx_close_notify')
      }
    }
    await Promise.all([watch(), ...Array.from({ length: AT_ONCE }, lane)])
    expect([...answers.keys()]).toEqual([401])
    const command = 'make prove CASE=envoys'
    const told = { unit: 'requests', command }
    recordFigure({
      name: `answered while ${REPLACED} connections of Envoy ${version} grew old, none failed`,
      value: answers.get(401) ?? 0,
      ...told,
    })
    recordFigure({
      name: `of them asked twice, Envoy ${version}`,
      value: await counter('upstream_rq_retry'),
      ...told,
    })
  })
})
