// Many requests through a real Envoy over the lane: each is answered, and Envoy saw nothing wrong with our HTTP/2.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { aDirectory } from '../support/closing.ts'
import type { EnvoyRig } from '../support/envoy-rig.ts'
import { chatBody, startEnvoyRig } from '../support/envoy-rig.ts'
import { recordFigure } from '../support/figures.ts'
import { ENVOYS } from '../support/tested-envoys.ts'

const REQUESTS = process.env['LATCHKEY_PROVE'] === '1' ? 1_000_000 : 2_000
const VERSION = ENVOYS.at(-1) ?? ''
const HCM = ['static_resources', 'listeners', 0, 'filter_chains', 0, 'filters', 0, 'typed_config']

let rig: EnvoyRig
beforeAll(async () => {
  rig = await startEnvoyRig({
    version: VERSION,
    // On the socket file, with nothing in between.
    name: 'sidecar',
    settings: { transport: 'lane' },
    // In place of a model server, which would take most of the time.
    change: (document) => {
      document.deleteIn([...HCM, 'tracing'])
      document.deleteIn([...HCM, 'access_log'])
      const route = [...HCM, 'route_config', 'virtual_hosts', 0, 'routes', 0]
      document.deleteIn([...route, 'route'])
      document.setIn([...route, 'direct_response'], document.createNode({ status: 200 }))
    },
  })
})
afterAll(() => rig.close())

/** Those of Envoy's counters of its connections to Latchkey that speak of something wrong, and are above zero. */
const wrongs = async (): Promise<readonly string[]> => {
  const page = `http://127.0.0.1:${rig.envoy.adminPort}/stats?filter=${encodeURIComponent(WRONG)}`
  const lines = (await (await fetch(page)).text()).trim().split('\n')
  // Else the counters have other names, and nothing was looked at.
  expect(lines.length).toBeGreaterThan(5)
  return lines.filter((line) => line !== '' && !line.endsWith(': 0'))
}

const WRONG =
  '^cluster\\.latchkey\\.(http2\\..*(error|flood|too_many|violation|rx_reset|goaway)|upstream_cx_(protocol_error|connect_fail|destroy_remote.*)|upstream_rq_(pending_failure.*|rx_reset|tx_reset|timeout|5xx))'

it(`${REQUESTS} requests: none fails, no error of the protocol`, async () => {
  const { secret } = await rig.createKey()
  const body = join(await aDirectory(), 'chat.json')
  await writeFile(body, chatBody('gpt-4o-mini'))
  const load = spawn(
    'h2load',
    [
      ...['--h1', '-n', `${REQUESTS}`, '-c', '64', '-d', body],
      ...['-H', `authorization: Bearer ${secret}`, '-H', 'content-type: application/json'],
      `http://127.0.0.1:${rig.envoy.port}/v1/chat/completions`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const [said] = await Promise.all([text(load.stdout), once(load, 'exit')])
  const counted = /status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx/.exec(said)?.slice(1).map(Number)
  expect({ counted, said: counted === undefined ? said : '' }).toEqual({
    counted: [REQUESTS, 0, 0, 0],
    said: '',
  })
  expect(await wrongs()).toEqual([])
  recordFigure({ name: `requests through Envoy ${VERSION} over the lane without an error`, value: REQUESTS })
})
