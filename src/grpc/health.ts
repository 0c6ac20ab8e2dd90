// Whether new requests should come here, for the server as a whole and for the Authorization service, whatever asks.

export const HEALTH_NAMES: readonly string[] = ['', 'envoy.service.auth.v3.Authorization']

export type HealthWatch = Readonly<{ tell: (serving: boolean | undefined) => void; end: () => void }>

export type Health = Readonly<{
  /** undefined: there is no such service. */
  isServing(name: string): boolean | undefined
  /** Tells now and with each change, until it is stopped by what is returned, or ended by `endWatches`. */
  watch(name: string, watch: HealthWatch): () => void
  setServing(serving: boolean): void
  /** They would keep a drain waiting for ever. */
  endWatches(): void
}>

/** Not serving until told. */
export const createHealth = (): Health => {
  let serving = false
  const watches = new Map<HealthWatch, string>()
  const isServing = (name: string) => (HEALTH_NAMES.includes(name) ? serving : undefined)
  return {
    isServing,
    watch(name, watch) {
      watches.set(watch, name)
      watch.tell(isServing(name))
      return () => watches.delete(watch)
    },
    setServing(now) {
      if (now === serving) return
      serving = now
      // Of a service that nobody has, nothing changes.
      for (const [watch, name] of watches) if (HEALTH_NAMES.includes(name)) watch.tell(serving)
    },
    endWatches() {
      for (const watch of watches.keys()) watch.end()
      watches.clear()
    },
  }
}
