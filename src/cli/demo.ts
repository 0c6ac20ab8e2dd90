// `latchkey demo`: starts the story, says what to paste and where to look, shows traces as they arrive, stops on Ctrl-C.
import { envoyBinFromEnvironment } from '../config/demo-environment.ts'
import { whatToPaste } from './demo/paste.ts'
import type { Demo } from './demo/start-demo.ts'
import { startDemo } from './demo/start-demo.ts'
import type { TraceCollector } from './demo/trace-collector.ts'
import { traceTree } from './demo/trace-tree.ts'

export type RunDemoOptions = Readonly<{ write?: (text: string) => void }>

/** Resolves after Ctrl-C (or SIGTERM, SIGHUP), when everything is stopped. Throws when it cannot start, or when Envoy dies. */
export const runDemo = async ({
  write = (text) => void process.stdout.write(text),
}: RunDemoOptions = {}): Promise<void> => {
  const say = (line: string) => write(`${line}\n`)
  const signals = listenForSignals()
  try {
    const demo = await startDemo({
      envoyBin: envoyBinFromEnvironment(),
      report: (message) => say(`latchkey demo: ${message}`),
      wordDelayMs: 40,
    })
    for (const line of whatToPaste(demo)) say(line)
    await untilStopped(demo, signals.first, say)
  } finally {
    signals.forget()
  }
}

const untilStopped = async (
  demo: Demo,
  signal: Promise<void>,
  say: (line: string) => void,
): Promise<void> => {
  const stopShowing = showTraces(demo.collector, say)
  const ended = await Promise.race([signal.then(() => 'signal'), demo.envoy.exited.then(() => 'Envoy')])
  stopShowing()
  say('latchkey demo: stopping')
  await demo.stop()
  if (ended !== 'signal') throw new Error('Envoy ended by itself')
  say('latchkey demo: stopped')
}

/** The second signal ends the process at once; Envoy goes with it. */
const listenForSignals = (): { first: Promise<void>; forget: () => void } => {
  const { promise: first, resolve } = Promise.withResolvers<void>()
  let seen = 0
  const onSignal = () => {
    seen += 1
    if (seen > 1) process.exit(1)
    resolve()
  }
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const name of names) process.on(name, onSignal)
  return { first, forget: () => names.forEach((name) => void process.removeListener(name, onSignal)) }
}

/** Spans of one request come from two programs, one after the other. */
const SETTLE_MS = 800

const showTraces = (collector: TraceCollector, say: (line: string) => void): (() => void) =>
  collector.onSpan((span) => {
    if (span.service !== 'envoy' || span.name !== 'ingress') return
    const show = () => {
      for (const line of traceTree(collector.spans(), span.traceId, WORTH_A_LOOK)) say(line)
      say('')
    }
    setTimeout(show, SETTLE_MS).unref()
  })

const WORTH_A_LOOK = [
  'http.status_code',
  'latchkey.decision',
  'latchkey.reason',
  'latchkey.cache',
  'latchkey.store.reads',
  'latchkey.store.writes',
]
