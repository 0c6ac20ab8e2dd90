// The wish to stop: a first SIGTERM or SIGINT asks for it, a second one does not wait.

export type StopSignal = Readonly<{
  /** Resolves with the first signal. */
  received: Promise<NodeJS.Signals>
  /** Leaves signals to Node again. */
  dispose(): void
}>

const SIGNALS: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT']

export const listenForStop = (): StopSignal => {
  const { promise: received, resolve } = Promise.withResolvers<NodeJS.Signals>()
  let asked = false
  const onSignal = (signal: NodeJS.Signals) => {
    if (asked) process.exit(1)
    asked = true
    resolve(signal)
  }
  for (const signal of SIGNALS) process.on(signal, onSignal)
  return {
    received,
    dispose: () => {
      for (const signal of SIGNALS) process.off(signal, onSignal)
    },
  }
}
