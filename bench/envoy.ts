// Requests a second through a real Envoy that shares one core with whom it asks: nobody, Go, grpc-js, the lane; and what asking adds.
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { findEnvoy } from '../src/cli/demo/envoy-binary.ts'
import type { EnvoyProcess } from '../src/cli/demo/envoy-process.ts'
import { startEnvoy } from '../src/cli/demo/envoy-process.ts'
import { CLIENT_CORE, SERVER_CORE, startAsked, stopAsked } from './asked.ts'
import { benchConfig, UPSTREAM } from './envoy-configs.ts'
import type { HttpLoad, HttpLoadResult } from './load-http.ts'
import { prepareStore } from './prepare-store.ts'
import { pin, runLoad } from './processes.ts'
import type { Rounds } from './rounds.ts'
import { createRounds } from './rounds.ts'
import type { Spread } from './statistics.ts'

export type EnvoyFigures = Readonly<{
  version: string
  withoutGo: string | undefined
  figures: readonly EnvoyFigure[]
  ratios: Readonly<{ laneOverGrpcJs: Spread; laneOverGo: Spread }>
}>

export type EnvoyFigure = Readonly<{
  name: string
  rate: Spread
  /** Of so few requests that nobody waits for a processor, more than without ext_authz. */
  addedP50Ms: Spread
  addedP99Ms: Spread
}>

type Subject = Readonly<{ name: string; port: number }>

const CONNECTIONS = 32
const PER_SECOND = 500
const ALONE = 'without ext_authz'
const BODY = JSON.stringify({
  model: 'gpt-4o-mini',
  messages: [{ role: 'user', content: 'What is a latchkey?' }],
})

export const measureEnvoy = async (
  { directory, rounds }: Readonly<{ directory: string; rounds: number }>,
  say: (sentence: string) => void,
): Promise<EnvoyFigures> => {
  const binary = await findEnvoy({ envoyBin: process.env['ENVOY_BIN'], report: say })
  const url = `sqlite:${join(directory, 'envoy.db')}`
  // One key without a limit and one route: as small as a real set-up gets.
  const model = { name: 'gpt-4o*', route: 'openai', guardrails: [] }
  const [secret = ''] = await prepareStore(url, { keys: [[]], models: [model] })
  const { servers, withoutGo } = await startAsked(directory, url)
  const envoys: EnvoyProcess[] = []
  const start = async (config: string, core: number) => {
    const envoy = await startEnvoy({ binary, config, directory: await mkdtemp(join(directory, 'envoy-')) })
    envoys.push(envoy)
    pin(envoy.pid, core)
    return envoy.port
  }
  try {
    const upstream = await start(UPSTREAM, CLIENT_CORE)
    const subjects = [{ name: ALONE, port: await start(await benchConfig(upstream, undefined), SERVER_CORE) }]
    for (const { name, address } of servers) {
      const config = await benchConfig(upstream, address.replace('unix:', ''))
      subjects.push({ name, port: await start(config, SERVER_CORE) })
    }
    const measured = createRounds()
    for (let round = 1; round <= rounds; round += 1) {
      say(`Envoy, round ${round} of ${rounds}`)
      await measureRound(measured, subjects, requestOf(secret))
    }
    return { version: binary.version, withoutGo, ...figuresOf(measured, subjects) }
  } finally {
    for (const envoy of envoys) await envoy.stop()
    await stopAsked(servers)
  }
}

const measureRound = async (rounds: Rounds, subjects: readonly Subject[], request: string): Promise<void> => {
  for (const { name, port } of subjects) {
    const full = await load(name, { port, request, connections: CONNECTIONS, warmMs: 300, measureMs: 1_500 })
    rounds.add(`${name}: rate`, full.requests / full.seconds)
  }
  for (const { name, port } of subjects) {
    const few = {
      port,
      request,
      connections: CONNECTIONS,
      warmMs: 200,
      measureMs: 2_000,
      perSecond: PER_SECOND,
    }
    const { p50Ms, p99Ms } = await load(name, few)
    rounds.add(`${name}: p50`, p50Ms)
    rounds.add(`${name}: p99`, p99Ms)
  }
}

const load = async (name: string, order: HttpLoad): Promise<HttpLoadResult> => {
  const result = await runLoad<HttpLoadResult>('load-http.ts', order, CLIENT_CORE)
  const other = Object.keys(result.statuses).filter((status) => status !== '200')
  if (other.length > 0) throw new Error(`${name}: answers of status ${other.join(', ')} in place of 200`)
  return result
}

const figuresOf = (rounds: Rounds, subjects: readonly Subject[]) => ({
  figures: subjects.map(({ name }) => ({
    name: name === ALONE ? name : `with ext_authz, ${name}`,
    rate: rounds.spread(`${name}: rate`),
    addedP50Ms: rounds.difference(`${name}: p50`, `${ALONE}: p50`),
    addedP99Ms: rounds.difference(`${name}: p99`, `${ALONE}: p99`),
  })),
  ratios: {
    laneOverGrpcJs: rounds.ratio('lane: rate', 'grpc-js: rate'),
    laneOverGo: rounds.ratio('lane: rate', 'Go: rate'),
  },
})

const requestOf = (secret: string): string =>
  [
    'POST /v1/chat/completions HTTP/1.1',
    'host: models.internal',
    'content-type: application/json',
    `authorization: Bearer ${secret}`,
    `content-length: ${BODY.length}`,
    '',
    BODY,
  ].join('\r\n')
