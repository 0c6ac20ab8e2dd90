// The page's words about the lane beside grpc-js and Go, about the phases of a Check, about Envoy and about starts.
import { markdownTable } from '../tools/markdown-table.ts'
import type { EnvoyFigures } from './envoy.ts'
import type { LaneFigures } from './lane.ts'
import type { PhaseFigures } from './profile.ts'
import type { StartupFigures } from './startup.ts'
import type { Spread } from './statistics.ts'
import { inWords, rounded } from './statistics.ts'
import type { WorkersFigures } from './workers.ts'

export const laneSection = ({ h2load, withoutGo, throughput, memory, latency }: LaneFigures): string =>
  `The server has one core, who asks it has the other and shares it with MariaDB; one connection on a socket file, 256 Checks in flight, 19 headers
and a body in each. Warm keys, and the limit is never reached. Each server is asked once in each round, one after the other, and a ratio is taken
within its round. Latchkey runs as it is installed, compiled. The Go server (\`bench/peers/go\`) is grpc-go with one processor; it decodes the whole request and answers each with the same
headers, looking up no key. ${askedBy(h2load)}${whyNoGo(withoutGo)}

${markdownTable(
  ['', 'Checks/s', 'The server’s processor time for one, µs'],
  throughput.map(({ name, rate, cpuMicroseconds }) => [name, inWords(rate), inWords(cpuMicroseconds)]),
)}

${markdownTable(
  ['', 'Memory after a load without a limit, MiB'],
  memory.map(({ name, mib }) => [name, inWords(mib)]),
)}

How long an answer takes when so many a second are asked whatever the answers do; a generator of our own, one connection. It wakes every 2 ms and asks
what is due by then together: what Go needs is the least that can be seen with it.

${markdownTable(
  ['Checks/s', '', 'p50, ms', 'p99, ms'],
  latency.map(({ name, perSecond, p50Ms, p99Ms }) => [`${perSecond}`, name, inWords(p50Ms), inWords(p99Ms)]),
)}`

const askedBy = (h2load: string | undefined): string =>
  h2load === undefined
    ? 'There is no h2load on this machine: the generator of our own asked, which is itself the limit above some 40,000 Checks/s.'
    : `They are asked by ${h2load}; with a limit its Checks have no id, else all of them would be one request, retried.`

const whyNoGo = (withoutGo: string | undefined): string =>
  withoutGo === undefined ? '' : ` It was left out here: ${withoutGo}.`

export const phasesSection = (figures: PhaseFigures): string =>
  `A warm key without a limit, on SQLite. V8's profile of the server under load, self time by file (\`bench/phases.ts\` says which file is which
phase), as a part of the processor time that a Check takes without the profile. What a built-in function does is Node's own.

${markdownTable(
  ['µs of a Check', ...figures.map(({ transport }) => transport)],
  [
    ...(figures[0]?.phases ?? []).map(({ phase }, at) => [
      phase,
      ...figures.map(({ phases }) => rounded(phases[at]?.microseconds ?? Number.NaN)),
    ]),
    ['all', ...figures.map(({ cpuMicroseconds }) => rounded(cpuMicroseconds))],
  ],
)}`

export const envoySection = ({ version, withoutGo, figures }: EnvoyFigures): string =>
  `Envoy ${version} with one worker on the shipped \`envoy/demo.yaml\`, without tracing and access log, shares one core with the server that it asks. On the
other core are a small client of our own with 32 keep-alive connections and an upstream that costs next to nothing. The key has no limit, one
model is in the catalogue. What asking adds is told at 500 requests a second, sent on time.${whyNoGo(withoutGo)}

${markdownTable(
  ['', 'Requests/s', 'added p50, ms', 'added p99, ms'],
  figures.map(({ name, rate, addedP50Ms, addedP99Ms }, at) => [
    name,
    inWords(rate),
    ...(at === 0 ? ['–', '–'] : [inWords(addedP50Ms), inWords(addedP99Ms)]),
  ]),
)}`

export const workersSection = ({ cpu, p99, perSecond, supervisorMib }: WorkersFigures): string =>
  `Over the lane, on MariaDB: two workers and what watches over them beside one process, the processor time of all of them. Each process is asked
${perSecond} Checks a second, on time, over one connection. What watches takes ${rounded(supervisorMib)} MiB.

${markdownTable(
  ['Processor time of a Check, µs', 'one process', 'two workers', 'two over one'],
  cpu.map(({ name, one, two, ratio }) => [name, inWords(one), inWords(two), inWords(ratio)]),
)}

${markdownTable(
  ['p99, ms', 'one process', 'two workers'],
  p99.map(({ name, one, two }) => [name, inWords(one), inWords(two)]),
)}`

export const startupSection = ({ starts, packages }: StartupFigures): string =>
  `From the start of the process to the line that says it serves, on a SQLite store with one key, one start after the other, from the sources and without Node's compile
cache; the processor time until then and the memory at that moment.

${markdownTable(
  ['', 'ms', 'processor time, ms', 'MiB'],
  starts.map(({ name, ms, cpuMs, mib }) => [name, inWords(ms), known(cpuMs), known(mib)]),
)}

What is loaded by then; whatever is not listed is loaded when it is used.

${markdownTable(
  ['Files of', 'lane', 'grpc-js'],
  packages.map(({ name, files }) => [name, `${files.lane}`, `${files['grpc-js']}`]),
)}`

const known = (spread: Spread): string => (Number.isNaN(spread.median) ? '–' : inWords(spread))
