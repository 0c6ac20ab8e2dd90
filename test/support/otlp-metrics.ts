// Reads what was sent as OTLP in JSON: metrics, their points and of which instance they tell.

type Attributes = readonly Readonly<{ key: string; value: Readonly<Record<string, unknown>> }>[]

type Point = Readonly<{
  attributes: Attributes
  startTimeUnixNano?: string
  timeUnixNano?: string
  asInt?: string | number
  asDouble?: number
  count?: string | number
  sum?: number
  bucketCounts?: readonly (string | number)[]
}>

type Data = Readonly<{ dataPoints: readonly Point[]; aggregationTemporality?: number }>

export type SentMetric = Readonly<{
  name: string
  unit?: string
  sum?: Data
  gauge?: Data
  histogram?: Data
}>

type Exported = Readonly<{
  resourceMetrics?: readonly Readonly<{
    resource: Readonly<{ attributes: Attributes }>
    scopeMetrics: readonly Readonly<{ metrics: readonly SentMetric[] }>[]
  }>[]
  resourceSpans?: readonly Readonly<{ resource: Readonly<{ attributes: Attributes }> }>[]
}>

const read = (body: Buffer | undefined): Exported => JSON.parse(body?.toString() ?? '{}') as Exported

export const metricsIn = (body: Buffer | undefined): readonly SentMetric[] =>
  (read(body).resourceMetrics ?? []).flatMap(({ scopeMetrics }) =>
    scopeMetrics.flatMap(({ metrics }) => metrics),
  )

/** service.instance.id of each resource, of spans and of metrics. */
export const instancesIn = (body: Buffer): readonly unknown[] => {
  const { resourceMetrics = [], resourceSpans = [] } = read(body)
  return [...resourceMetrics, ...resourceSpans].map(
    ({ resource }) => plain(resource.attributes)['service.instance.id'],
  )
}

export type SentPoint = Readonly<{
  attributes: Readonly<Record<string, unknown>>
  startMs: number
  endMs: number
  value: number
  count: number | undefined
  sum: number | undefined
  bucketCounts: readonly number[] | undefined
}>

export const pointsOf = (metrics: readonly SentMetric[], name: string): readonly SentPoint[] =>
  metrics
    .filter((metric) => metric.name === name)
    .flatMap(({ sum, gauge, histogram }) => (sum ?? gauge ?? histogram)?.dataPoints ?? [])
    .map((point) => ({
      attributes: plain(point.attributes),
      startMs: Number(point.startTimeUnixNano) / 1e6,
      endMs: Number(point.timeUnixNano) / 1e6,
      value: Number(point.asInt ?? point.asDouble),
      count: point.count === undefined ? undefined : Number(point.count),
      sum: point.sum,
      bucketCounts: point.bucketCounts?.map(Number),
    }))

const plain = (attributes: Attributes): Readonly<Record<string, unknown>> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))
