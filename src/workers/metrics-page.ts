// Pages in Prometheus' text format, read and added up: one page for all workers.
import { METRIC } from '../telemetry/names.ts'

type Family = Readonly<{
  /** `# HELP`, `# UNIT` and `# TYPE`, as they stand. */
  head: readonly string[]
  kind: string
  /** By name and labels, as they stand. */
  samples: ReadonlyMap<string, number>
}>

/** Families by name. */
export type MetricsPage = ReadonlyMap<string, Family>

export const EMPTY_PAGE: MetricsPage = new Map()

/** Of these the greatest tells the state of all; other gauges count something, and are added up as counters are. */
const GREATEST = [METRIC.buildInfo, METRIC.chargeForm, METRIC.circuitOpen, METRIC.feedStaleness].map((name) =>
  name.replaceAll('.', '_'),
)

export const readPage = (text: string): MetricsPage => {
  const page = new Map<string, { head: string[]; kind: string; samples: Map<string, number> }>()
  let family: { head: string[]; kind: string; samples: Map<string, number> } | undefined
  for (const line of text.split('\n')) {
    const [, word, name = '', rest = ''] = /^# (\w+) (\S+) ?(.*)$/.exec(line) ?? []
    if (word !== undefined) {
      family = page.get(name) ?? { head: [], kind: 'untyped', samples: new Map() }
      family.head.push(line)
      if (word === 'TYPE') family.kind = rest
      page.set(name, family)
    } else if (line !== '') {
      const end = line.lastIndexOf(' ')
      family?.samples.set(line.slice(0, end), Number(line.slice(end + 1)))
    }
  }
  return page
}

/** What grows only: a scraper that saw it fall would take it for a restart. */
export const countsOf = (page: MetricsPage): MetricsPage =>
  new Map([...page].filter(([, { kind }]) => kind !== 'gauge'))

export const sumOfPages = (pages: readonly MetricsPage[]): MetricsPage => {
  const sum = new Map<string, Family>()
  for (const [name, family] of pages.flatMap((page) => [...page])) {
    const before = sum.get(name)
    sum.set(name, before === undefined ? family : joined(before, family, isGreatest(name)))
  }
  return sum
}

const isGreatest = (name: string) => GREATEST.some((each) => name === each || name.startsWith(`${each}_`))

const joined = (one: Family, other: Family, greatest: boolean): Family => {
  const samples = new Map(one.samples)
  for (const [series, value] of other.samples) {
    const before = samples.get(series)
    if (before === undefined) samples.set(series, value)
    else samples.set(series, greatest ? Math.max(before, value) : before + value)
  }
  return { ...one, samples }
}

export const writePage = (page: MetricsPage): string =>
  [...page.values()]
    .flatMap(({ head, samples }) => [...head, ...[...samples].map(([series, value]) => `${series} ${value}`)])
    .map((line) => `${line}\n`)
    .join('')
