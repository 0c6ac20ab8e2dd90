// That a connection broke: it happens once, and whoever listens is told once.

export type Breakage = Readonly<{
  hasHappened(): boolean
  happened(): void
  /** Returns how to stop listening. */
  listen(listener: () => void): () => void
}>

export const createBreakage = (): Breakage => {
  const listeners = new Set<() => void>()
  let broken = false
  return {
    hasHappened: () => broken,
    happened: (): void => {
      if (broken) return
      broken = true
      // Later, so that an answer which came in the same breath as the end is heard first.
      setImmediate(() => {
        for (const listener of listeners) listener()
      })
    },
    listen: (listener: () => void): (() => void) => {
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },
  }
}
