// Medians of interleaved rounds, and how far apart the rounds were.

export type Spread = Readonly<{ median: number; least: number; most: number }>

export const spreadOf = (values: readonly number[]): Spread => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  const at = (index: number) => sorted[index] ?? Number.NaN
  return {
    median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    least: at(0),
    most: at(sorted.length - 1),
  }
}

/** Three significant digits: what a run of seconds on a shared machine can tell. */
export const rounded = (value: number): string =>
  Number.isNaN(value)
    ? 'unknown'
    : Number(value.toPrecision(3)).toLocaleString('en-US', { maximumFractionDigits: 2 })

/** `12,300 (11,900 … 12,800)` */
export const inWords = ({ median, least, most }: Spread): string =>
  `${rounded(median)} (${rounded(least)} … ${rounded(most)})`

export const percent = (ratio: number): string => `${Math.round(ratio * 100)} %`

/** `82 % (79 % … 84 %)` */
export const inPercent = ({ median, least, most }: Spread): string =>
  `${percent(median)} (${percent(least)} … ${percent(most)})`
