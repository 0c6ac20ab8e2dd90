// Reads the metrics page as a scraper does.
export type Sample = Readonly<{ name: string; labels: Readonly<Record<string, string>>; value: number }>

export const samplesOf = (page: string): readonly Sample[] => {
  const lines = page.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return lines.map((line) => {
    const [, name = '', labels = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
    const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, label]) => [key, label])
    return { name, labels: Object.fromEntries(pairs), value: Number(value) }
  })
}

/** Of all series of that name that have these labels among theirs; 0 when there is none. */
export const sumIn = (
  samples: readonly Sample[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number =>
  samples
    .filter(
      (sample) =>
        sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
    )
    .reduce((sum, { value }) => sum + value, 0)
