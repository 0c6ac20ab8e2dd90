// The steps of the demo's story that look at traces: who is whose parent, and what a Check cost the store.
import { randomBytes } from 'node:crypto'
import type { Span } from '../src/cli/demo/otlp.ts'
import type { Demo } from '../src/cli/demo/start-demo.ts'
import { traceTree } from '../src/cli/demo/trace-tree.ts'
import { chat, expectEqual, openai } from './demo-clients.ts'
import type { Step } from './demo-steps.ts'
import { say } from './say.ts'

const SPAN_TIMEOUT_MS = 10_000

/** Sends one chat in a trace of its own and returns the span of its Check, when all its spans arrived. */
const tracedCheck = async (demo: Demo, secret: string): Promise<Span> => {
  const traceId = randomBytes(16).toString('hex')
  await chat(openai(demo, secret, `00-${traceId}-${randomBytes(8).toString('hex')}-01`), 'gpt-4o-mini')
  const find = (what: string, isMeant: (span: Span) => boolean) =>
    demo.collector.waitFor(what, (span) => span.traceId === traceId && isMeant(span), SPAN_TIMEOUT_MS)
  const check = await find(
    "Latchkey's Check",
    ({ service, attributes }) => service === 'latchkey' && 'latchkey.decision' in attributes,
  )
  const egress = await find('the parent of the Check', ({ spanId }) => spanId === check.parentSpanId)
  const ingress = await find('the parent of its parent', ({ spanId }) => spanId === egress.parentSpanId)
  expectEqual(
    'the parent of the Check',
    [egress.service, egress.name],
    ['envoy', 'async envoy.service.auth.v3.Authorization.Check egress'],
  )
  expectEqual('the service that began the trace', [ingress.service, ingress.name], ['envoy', 'ingress'])
  return check
}

const expectStoreCalls = async (demo: Demo, secret: string, reads: number, writes: number): Promise<void> => {
  const { attributes, traceId } = await tracedCheck(demo, secret)
  const seen = [attributes['latchkey.store.reads'], attributes['latchkey.store.writes']]
  for (const line of traceTree(demo.collector.spans(), traceId, [
    'latchkey.cache',
    'latchkey.store.reads',
    'latchkey.store.writes',
  ]))
    say(`    ${line}`)
  expectEqual('[reads, writes]', seen, [reads, writes])
}

export const TRACES: readonly Step[] = [
  [
    "a cold limited key: Envoy's span is the parent of ours; 1 read, 1 write",
    (demo) => expectStoreCalls(demo, demo.keys.limited, 1, 1),
  ],
  ['the same key warm: no read, 1 write', (demo) => expectStoreCalls(demo, demo.keys.limited, 0, 1)],
  [
    'an unlimited key warm: no read, no write',
    async (demo) => {
      await chat(openai(demo, demo.keys.unlimited), 'gpt-4o-mini')
      await expectStoreCalls(demo, demo.keys.unlimited, 0, 0)
    },
  ],
]
