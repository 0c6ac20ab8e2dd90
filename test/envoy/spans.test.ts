// What Envoy exports to a collector, by the tracing of the shipped configurations, holds no key that a client wrote into a query.
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Document } from 'yaml'
import { parse } from 'yaml'
import { envoyFile } from '../../src/cli/demo/envoy-config.ts'
import type { Span } from '../../src/cli/demo/otlp.ts'
import type { TraceCollector } from '../../src/cli/demo/trace-collector.ts'
import { startTraceCollector } from '../../src/cli/demo/trace-collector.ts'
import type { Lifecycle } from '../../src/kernel/lifecycle.ts'
import { createLifecycle } from '../../src/kernel/lifecycle.ts'
import type { EnvoyRig, MintedKey } from '../support/envoy-rig.ts'
import { chatBody, startEnvoyRig } from '../support/envoy-rig.ts'
import type { RawResponse } from '../support/raw-client.ts'
import { ENVOYS } from '../support/tested-envoys.ts'

const CLUSTERS = ['static_resources', 'clusters']
const ADDRESS = ['load_assignment', 'endpoints', 0, 'lb_endpoints', 0, 'endpoint', 'address']
const CHAT = '/v1/chat/completions'

const collectedAt = (port: number) => (document: Document) => {
  const at = [0, 1, 2, 3, 4, 5, 6].find(
    (index) => document.getIn([...CLUSTERS, index, 'name']) === 'collector',
  )
  document.setIn([...CLUSTERS, at, ...ADDRESS], {
    socket_address: { address: '127.0.0.1', port_value: port },
  })
}

describe.each(ENVOYS)('Envoy %s', (version) => {
  let lifecycle: Lifecycle
  let collector: TraceCollector
  let rig: EnvoyRig
  let key: MintedKey
  beforeAll(async () => {
    lifecycle = createLifecycle()
    collector = await startTraceCollector()
    lifecycle.onClose('collector', collector.close)
    rig = await startEnvoyRig({ version, change: collectedAt(collector.port) })
    lifecycle.onClose('rig', rig.close)
    key = await rig.createKey()
  })
  afterAll(() => lifecycle.close())

  /** The span of the next request, and that of the Check which was asked for it. */
  const nextSpans = async (send: () => Promise<RawResponse>) => {
    const held = collector.spans().length
    const ingress = Promise.withResolvers<Span>()
    const stop = collector.onSpan((span) => span.name === 'ingress' && ingress.resolve(span))
    const [answer, { spanId }] = await Promise.all([send(), ingress.promise]).finally(stop)
    await collector.waitFor('the Check', ({ parentSpanId }) => parentSpanId === spanId, 10_000)
    return { answer, spans: collector.spans().slice(held) }
  }

  it.each([
    { where: 'on the path of a chat', path: CHAT, status: 200 },
    { where: 'on the shortest path', path: '/', status: 403 },
  ])('a key in the query, $where, is in no span', async ({ path, status }) => {
    const headers = [['authorization', `Bearer ${key.secret}`]] as const
    const body = chatBody('gpt-4o-mini')
    const { answer, spans } = await nextSpans(() =>
      rig.send({ path: `${path}?key=${key.secret}&api-version=1`, headers, body }),
    )
    expect(answer.status).toBe(status)
    const told = spans.map(({ name, attributes }) => [name, attributes])
    expect(JSON.stringify(told)).toContain('"http.url":"http://models.test/"')
    expect(JSON.stringify(told)).not.toMatch(/lk_|key=|api-version/)
  })

  it('nor is the only key, which is refused there', async () => {
    const { answer, spans } = await nextSpans(() => rig.send({ path: `${CHAT}?key=${key.secret}` }))
    expect(answer.status).toBe(401)
    expect(JSON.stringify(spans.map(({ attributes }) => attributes))).not.toMatch(/lk_|key=/)
  })
})

it('each shipped configuration ends that tag where the demo does', async () => {
  const folder = dirname(envoyFile('demo'))
  const names = (await readdir(folder)).filter((name) => name.endsWith('.yaml'))
  const tracings = await Promise.all(
    names.map(async (name) => {
      const { static_resources: shipped }: EnvoyFile = parse(await readFile(join(folder, name), 'utf8'))
      return shipped.listeners.flatMap(({ filter_chains: chains }) =>
        chains.flatMap(({ filters }) => filters.map(({ typed_config: { tracing } }) => tracing)),
      )
    }),
  )
  expect(names).toContain('demo.yaml')
  for (const tracing of tracings.flat()) expect(tracing).toMatchObject({ max_path_tag_length: 1 })
})

type EnvoyFile = Readonly<{
  static_resources: Readonly<{
    listeners: readonly Readonly<{
      filter_chains: readonly Readonly<{
        filters: readonly Readonly<{ typed_config: Readonly<{ tracing?: unknown }> }>[]
      }>[]
    }>[]
  }>
}>
