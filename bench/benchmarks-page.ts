// Lays out the figures, each with its machine, its command and its commit: docs/benchmarks.md whole, README.md in short.
import { machine } from '../tools/machine.ts'
import { markdownTable } from '../tools/markdown-table.ts'
import type { CheckFigures } from './checks.ts'
import type { EnvoyFigure } from './envoy.ts'
import type { FormFigure, QuotaFigures } from './quota.ts'
import { inPercent, inWords, percent, rounded } from './statistics.ts'

export type Measurements = CheckFigures &
  Readonly<{
    commit: string
    rounds: number
    quotas: QuotaFigures
    envoyVersion: string
    envoy: readonly EnvoyFigure[]
  }>

export const benchmarksPage = (measured: Measurements): string => {
  const { commit, rounds, checks, limited, quotas, envoyVersion, envoy } = measured
  return `# Benchmarks

What \`make bench\` measured. It writes this page; the figures belong to one commit and one machine.

Commit \`${commit}\` · ${machine()} · medians of ${rounds} interleaved rounds (least … most)

## Checks

Latchkey is one process on one core; a second process on the other core asks over gRPC on a socket file, with 256 Checks in flight, and shares
that core with MariaDB. Its client writes the frames of HTTP/2 by hand and costs a fraction of what the server costs, so that it is Latchkey
that is measured. A request is what Envoy sends for a small chat request: 12 headers and a body. Where the processor time of a Check
times the rate is less than a core, something else was the limit: the disk or the database.

${markdownTable(
  ['', 'Checks/s', 'Latchkey’s processor time for one, µs'],
  checks.map(({ name, rate, cpuMicroseconds }) => [name, inWords(rate), inWords(cpuMicroseconds)]),
)}

What an exact limit costs, from the same rounds: a warm key with a limit against one without, asked of the same process one after the other.

${markdownTable(
  ['Store', 'Checks/s, of those without a limit', 'Processor time, of that without a limit'],
  limited.map(({ store, rateRatio, cpuRatio }) => [store, inPercent(rateRatio), inPercent(cpuRatio)]),
)}

SQLite is synchronous FULL, MariaDB flushes at each commit and syncs its binary log: a charge that was answered survives a crash.

## Quotas

Charges at the ledger's port, without Checks around them: in groups, as Latchkey charges, and in the direct form, a transaction for each. The same
load in both forms, one after the other in each round, on the same durable MariaDB; clients and database share two cores. After each load every row was
compared with what was admitted on it: not one unit more or less. Six rows are a key's minute and month, its team's day and month, its
organisation's day and month: 100 keys, 10 teams, one organisation.

${markdownTable(
  ['MariaDB', 'Charges/s, direct', 'Charges/s, grouped', 'Grouped over direct', 'p99 over that of direct'],
  quotas.mariadb.map(({ name, direct, grouped, rateRatio, p99Ratio }) => [
    name,
    inWords(direct.rate),
    inWords(grouped.rate),
    inWords(rateRatio),
    inWords(p99Ratio),
  ]),
)}

${markdownTable(
  [
    '',
    'p50, ms, direct',
    'p50, ms, grouped',
    'p99, ms, direct',
    'p99, ms, grouped',
    'Deadlocks, direct and grouped',
  ],
  quotas.mariadb.map(({ name, direct, grouped }) => [
    name,
    inWords(direct.p50Ms),
    inWords(grouped.p50Ms),
    inWords(direct.p99Ms),
    inWords(grouped.p99Ms),
    `${deadlocksOf(direct)} and ${deadlocksOf(grouped)}`,
  ]),
)}

On SQLite, where a charge in the direct form waits for nobody but the disk:

${markdownTable(
  ['SQLite', 'Grouped over direct', 'p99 over that of direct'],
  quotas.sqlite.map(({ name, rateRatio, p99Ratio }) => [name, inWords(rateRatio), inWords(p99Ratio)]),
)}

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
}

const deadlocksOf = ({ deadlocks }: FormFigure): string =>
  deadlocks === undefined ? 'unknown' : `${deadlocks}`

/** README.md with its table of figures as it should be. */
export const withFigures = (
  readme: string,
  { commit, checks, limited, quotas, envoy }: Measurements,
): string => {
  const rows = [
    ...checks.map(({ name, rate }) => [`Checks/s of one core: ${name}`, rounded(rate.median)]),
    ...limited.map(({ store, rateRatio }) => [
      `Checks/s with an exact limit, of those without one: ${store}`,
      percent(rateRatio.median),
    ]),
    ...quotas.mariadb.map(({ name, grouped, rateRatio }) => [
      `Charges/s, MariaDB, durable: ${name}`,
      `${rounded(grouped.rate.median)}, ${rounded(rateRatio.median)} × the direct form`,
    ]),
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
