// How long many things took, each told within 1 %, in a form that processes can hand over and add up.

/** How many fell into which class; a class is wider than the one before it by 1 %. */
export type Latencies = Readonly<Record<string, number>>

export type LatencyCount = Readonly<{ add(tookMs: number): void; counted(): Latencies }>

const WIDTH = Math.log(1.01)
const SHORTEST_MS = 0.001
const CLASSES = 2_048

export const createLatencyCount = (): LatencyCount => {
  const counts = new Uint32Array(CLASSES)
  return {
    add: (tookMs) => {
      const place = Math.round(Math.log(Math.max(tookMs, SHORTEST_MS) / SHORTEST_MS) / WIDTH)
      const at = Math.min(place, CLASSES - 1)
      counts[at] = (counts[at] ?? 0) + 1
    },
    counted: () => Object.fromEntries([...counts.entries()].filter(([, count]) => count > 0)),
  }
}

/** Milliseconds within which this part of all of them ended. */
export const quantileMs = (all: readonly Latencies[], part: number): number => {
  const counts = new Map<number, number>()
  for (const latencies of all)
    for (const [at, count] of Object.entries(latencies))
      counts.set(Number(at), (counts.get(Number(at)) ?? 0) + count)
  let left = part * [...counts.values()].reduce((sum, count) => sum + count, 0)
  for (const [at, count] of [...counts].sort(([a], [b]) => a - b)) {
    left -= count
    if (left <= 0) return SHORTEST_MS * Math.exp(at * WIDTH)
  }
  return Number.NaN
}
