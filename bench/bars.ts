// What the lane must reach, beside what it reached.
import { markdownTable } from '../tools/markdown-table.ts'
import { keptPart } from './kept.ts'
import type { Spread } from './statistics.ts'
import { inWords } from './statistics.ts'

type Bar = Readonly<{
  of: string
  asked: Readonly<{ least: number }> | Readonly<{ most: number }>
  measured: Spread | undefined
}>

export const barsTable = (commit: string): string => {
  const lane = keptPart(commit, 'lane')?.figures.ratios
  const envoy = keptPart(commit, 'envoy')?.figures.ratios
  const workers = keptPart(commit, 'workers')?.figures.cpu
  const bars: readonly Bar[] = [
    {
      of: 'Checks/s, warm key without a limit: lane over grpc-js',
      asked: { least: 6 },
      measured: lane?.unlimitedOverGrpcJs,
    },
    {
      of: 'Checks/s, warm key without a limit: lane over Go',
      asked: { least: 2.5 },
      measured: lane?.unlimitedOverGo,
    },
    {
      of: 'Checks/s, warm key with a limit on MariaDB: lane over grpc-js',
      asked: { least: 4 },
      measured: lane?.limitedOverGrpcJs,
    },
    { of: 'p99 at 2,000 Checks/s: lane over Go', asked: { most: 1 }, measured: lane?.p99OverGo },
    { of: 'memory: lane over grpc-js', asked: { most: 0.7 }, measured: lane?.memoryOverGrpcJs },
    {
      of: 'requests/s through Envoy: lane over grpc-js',
      asked: { least: 1.5 },
      measured: envoy?.laneOverGrpcJs,
    },
    { of: 'requests/s through Envoy: lane over Go', asked: { least: 1 }, measured: envoy?.laneOverGo },
    ...(workers ?? [{ name: '', ratio: undefined }]).map(({ name, ratio }) => ({
      of: `processor time of a Check: two workers over one${name === '' ? '' : `, ${name}`}`,
      asked: { most: 1.1 },
      measured: ratio,
    })),
  ]
  return markdownTable(
    ['Ratio, within each round', 'Asked', 'Measured', 'Holds'],
    bars.map(({ of, asked, measured }) => [
      of,
      'least' in asked ? `≥ ${asked.least}` : `≤ ${asked.most}`,
      measured === undefined ? 'not measured' : inWords(measured),
      holds(asked, measured),
    ]),
  )
}

const holds = (asked: Bar['asked'], measured: Spread | undefined): string => {
  if (measured === undefined || Number.isNaN(measured.median)) return 'unknown'
  return ('least' in asked ? measured.median >= asked.least : measured.median <= asked.most) ? 'yes' : 'no'
}
