// The page's words about Checks of every kind, and about charges at the ledger's port.
import { TEST_TRANSPORT as transport } from '../test/support/transport.ts'
import { markdownTable } from '../tools/markdown-table.ts'
import type { CheckFigures } from './checks.ts'
import type { FormFigure, QuotaFigures } from './quota.ts'
import { inPercent, inWords } from './statistics.ts'

export const checksSection = ({ checks, limited }: CheckFigures): string =>
  `Latchkey is one process on one core; a second process on the other core asks over gRPC on a socket file, with 256 Checks in flight, and shares
that core with MariaDB. Its client writes the frames of HTTP/2 by hand and costs a fraction of what the server costs, so that it is Latchkey
that is measured. The transport is ${transport}. A request is what Envoy sends for a small chat request: 19 headers and a body. Where the processor time of a Check
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

SQLite is synchronous FULL, MariaDB flushes at each commit and syncs its binary log: a charge that was answered survives a crash.`

export const quotasSection = ({ mariadb, sqlite }: QuotaFigures): string =>
  `Charges at the ledger's port, without Checks around them: in groups, as Latchkey charges, and in the direct form, a transaction for each. The same
load in both forms, one after the other in each round, on the same durable MariaDB; clients and database share two cores. After each load every row was
compared with what was admitted on it: not one unit more or less. Six rows are a key's minute and month, its team's day and month, its
organisation's day and month: 100 keys, 10 teams, one organisation.

${markdownTable(
  ['MariaDB', 'Charges/s, direct', 'Charges/s, grouped', 'Grouped over direct', 'p99 over that of direct'],
  mariadb.map(({ name, direct, grouped, rateRatio, p99Ratio }) => [
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
  mariadb.map(({ name, direct, grouped }) => [
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
  sqlite.map(({ name, rateRatio, p99Ratio }) => [name, inWords(rateRatio), inWords(p99Ratio)]),
)}`

const deadlocksOf = ({ deadlocks }: FormFigure): string =>
  deadlocks === undefined ? 'unknown' : `${deadlocks}`
