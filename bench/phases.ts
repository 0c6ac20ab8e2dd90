// Which file of Latchkey belongs to which phase of a Check: self time by file from V8's profile becomes time by phase.

export type Phase = (typeof PHASES)[number]['phase']

export type Profile = Readonly<{
  nodes: readonly Readonly<{
    id: number
    callFrame: Readonly<{ functionName: string; url: string }>
  }>[]
  samples: readonly number[]
  timeDeltas: readonly number[]
}>

/** The part of each phase in all that was not idle; they sum to 1. */
export const partsOfPhases = (profile: Profile): ReadonlyMap<Phase, number> => {
  const selfTimes = new Map<number, number>()
  for (const [at, id] of profile.samples.entries())
    selfTimes.set(id, (selfTimes.get(id) ?? 0) + (profile.timeDeltas[at] ?? 0))
  const phases = new Map<Phase, number>(PHASES.map(({ phase }) => [phase, 0]))
  let all = 0
  for (const { id, callFrame } of profile.nodes) {
    if (callFrame.functionName === '(idle)') continue
    const time = selfTimes.get(id) ?? 0
    const phase = phaseOf(callFrame)
    phases.set(phase, (phases.get(phase) ?? 0) + time)
    all += time
  }
  return new Map([...phases].map(([phase, time]) => [phase, time / all]))
}

const phaseOf = ({ functionName, url }: Profile['nodes'][number]['callFrame']): Phase =>
  phaseOfPlace(url === '' ? functionName : placeOf(url))

/** `src/…` and `node_modules/…` as they stand in the checkout, `node:…`, or the name of one of the runtime's own functions. */
export const phaseOfPlace = (place: string): Phase => PHASES.find(({ of }) => of.test(place))?.phase ?? REST

const placeOf = (url: string): string => (url.startsWith(ROOT) ? url.slice(ROOT.length) : url)

const ROOT = new URL('..', import.meta.url).href

const REST = 'the rest of Latchkey'

/** The first that fits; the runtime's own functions have a name and no file. */
const PHASES = [
  {
    phase: 'headers: HPACK, and which call it is',
    of: /^src\/grpc\/lane\/(head|header|huffman|static-table|request-head)/,
  },
  {
    phase: 'framing: HTTP/2',
    of: /^src\/grpc\/lane\/|^node_modules\/@grpc\/grpc-js\/|^node:internal\/http2/,
  },
  {
    phase: 'protobuf, and reading the request',
    of: /^src\/grpc\/(gen\/|check-request|check-reader|wire-|body-complete)|^node_modules\/@bufbuild\//,
  },
  { phase: 'decision', of: /^src\/(check|keys|policy|quota|kernel)\// },
  { phase: 'store', of: /^src\/store\/|^node_modules\/(mysql2|kysely)\// },
  {
    phase: 'answer',
    of: /^src\/grpc\/(check-response|answer|encode-answer|allow-|refusal-answers|decision-id|header-options|upstream|attestation|rate-limit|limit-report|error-body|model-list)/,
  },
  {
    phase: 'telemetry and log',
    of: /^src\/telemetry\/|^src\/grpc\/(check-span|check-outcome|status-code|decision-log|client-names)|^node_modules\/(@opentelemetry|pino|sonic-boom|thread-stream|@pinojs)/,
  },
  {
    phase: 'transport’s ends, deadline and admission',
    of: /^src\/grpc\/(deadline|admission|authorization|lane-|grpc-transport)/,
  },
  { phase: REST, of: /^(src|node_modules)\// },
  { phase: 'garbage collection', of: /^\(garbage collector\)$/ },
  { phase: 'system calls and sockets: Node’s own', of: /^/ },
] as const
