// A stack of things to close: what was opened last is closed first, and half a start-up unwinds itself.

export type Lifecycle = Readonly<{
  /** Remember how to undo what was just opened. */
  onClose(name: string, close: () => void | Promise<void>): void
  /** Close everything once, newest first. A failing close does not stop the others; all errors are thrown together. */
  close(): Promise<void>
}>

export const createLifecycle = (): Lifecycle => {
  const closers: { name: string; close: () => void | Promise<void> }[] = []
  let closing: Promise<void> | undefined
  const unwind = async () => {
    const errors: Error[] = []
    for (let closer = closers.pop(); closer !== undefined; closer = closers.pop()) {
      try {
        await closer.close()
      } catch (cause) {
        errors.push(new Error(`closing ${closer.name} failed`, { cause }))
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, 'not everything closed cleanly')
  }
  return {
    onClose: (name, close) => {
      closers.push({ name, close })
    },
    close: () => (closing ??= unwind()),
  }
}
