// Lays out the figures, each with its machine, its command and its commit: docs/benchmarks.md whole, README.md in short.
import { machine } from '../tools/machine.ts'
import { markdownTable } from '../tools/markdown-table.ts'
import type { CheckFigure } from './checks.ts'
import type { EnvoyFigure } from './envoy.ts'
import { inWords, rounded } from './statistics.ts'

export type Measurements = Readonly<{
  commit: string
  rounds: number
  checks: readonly CheckFigure[]
  envoyVersion: string
  envoy: readonly EnvoyFigure[]
}>

export const benchmarksPage = ({ commit, rounds, checks, envoyVersion, envoy }: Measurements): string =>
  `# Benchmarks

What \`make bench\` measured. It writes this page; the figures belong to one commit and one machine.

Commit \`${commit}\` · ${machine()} · medians of ${rounds} interleaved rounds (least … most)

## Checks

Latchkey is one process on one core; a second process on the other core asks over gRPC on a socket file, with 64 Checks in flight, and shares
that core with MariaDB. A request is what Envoy sends for a small chat request: 12 headers and a body. Where the processor time of a Check times
the rate is less than a core, something else was the limit: the client, the disk or the database.

${markdownTable(
  ['', 'Checks/s', 'Latchkey’s processor time for one, µs'],
  checks.map(({ name, rate, cpuMicroseconds }) => [
    name,
    inWords(rate),
    cpuMicroseconds === undefined ? 'unknown' : inWords(cpuMicroseconds),
  ]),
)}

SQLite is synchronous FULL, MariaDB flushes at each commit and syncs its binary log: a charge that was answered survives a crash.

## Through Envoy

Envoy ${envoyVersion} with one worker on the shipped \`envoy/demo.yaml\`, without tracing and access log, before an upstream that costs next to nothing; 32
keep-alive connections of a small client of our own, on the same cores as everything else. The key has no limit, one model is in the
catalogue. The difference is the price of asking: Envoy's own part of it, Latchkey's, and the cores they share.

${markdownTable(
  ['', 'Requests/s', 'p50, ms', 'p99, ms'],
  envoy.map(({ name, rate, p50Ms, p99Ms }) => [name, inWords(rate), inWords(p50Ms), inWords(p99Ms)]),
)}

Command: \`make bench\`
`

/** README.md with its table of figures as it should be. */
export const withFigures = (readme: string, { commit, checks, envoy }: Measurements): string => {
  const rows = [
    ...checks.map(({ name, rate }) => [`Checks/s of one core: ${name}`, rounded(rate.median)]),
    ...envoy.map(({ name, rate }) => [
      `Requests/s through Envoy, two cores for everything: ${name}`,
      rounded(rate.median),
    ]),
  ]
  const table = markdownTable(
    ['', 'Median', 'Command'],
    rows.map((row) => [...row, '`make bench`']),
  )
  return readme.replace(
    /(<!-- figures:[^\n]*-->\n)[\s\S]*?(<!-- \/figures -->)/,
    (_, begin, end) => `${begin}\n${table}\n\nCommit \`${commit}\` · ${machine()}\n\n${end}`,
  )
}
