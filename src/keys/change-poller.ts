// Polls the change feed again and again, never two polls at once, and tells what became of each.
import type { Clock } from '../kernel/clock.ts'
import type { ChangeFeed } from './change-feed.ts'

export type ChangePoller = Readonly<{
  /** Resolves when the poll that is under way has ended; there is none afterwards. */
  stop(): Promise<void>
}>

type Deps = Readonly<{
  feed: ChangeFeed
  clock: Clock
  /** From the end of a poll to the next; a tenth more or less, so that replicas do not ask in step. */
  intervalMs: number
  /** undefined: it succeeded. */
  polled: (poll: Readonly<{ durationMs: number; failure: unknown }>) => void
}>

export const startChangePoller = ({ feed, clock, intervalMs, polled }: Deps): ChangePoller => {
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  let running = Promise.resolve()

  const poll = async () => {
    const beganMs = clock.monotonicMs()
    const failure = await feed.poll().then(
      () => undefined,
      (error: unknown) => error ?? new Error('unknown'),
    )
    polled({ durationMs: clock.monotonicMs() - beganMs, failure })
    if (!stopped) wait()
  }

  const wait = () => {
    timer = setTimeout(
      () => {
        running = poll()
      },
      intervalMs * (0.9 + Math.random() * 0.2),
    )
  }

  running = poll()
  return {
    stop: async () => {
      stopped = true
      clearTimeout(timer)
      await running
    },
  }
}
