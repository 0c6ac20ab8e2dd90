// Follows what other processes change, and tells them how far this one has come.
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { Config } from '../config.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Lifecycle } from '../kernel/lifecycle.ts'
import type { Change, ChangeFeed } from '../keys/change-feed.ts'
import { createChangeFeed } from '../keys/change-feed.ts'
import { startChangePoller } from '../keys/change-poller.ts'
import { createPresence } from '../keys/presence.ts'
import type { Store } from '../store/store.ts'
import { createFeedMetrics } from '../telemetry/feed-metrics.ts'
import type { Logger } from '../telemetry/logger.ts'

type Deps = Readonly<{ store: Store; clock: Clock; log: Logger; apply: (change: Change) => void }>

/** The first poll begins at once; what it finds is applied later than this call. */
export const followChanges = (
  { cache, feedIntervalMs }: Config,
  { store, clock, log, apply }: Deps,
  lifecycle: Lifecycle,
): ChangeFeed => {
  const feed = createChangeFeed({
    source: store.changes,
    clock,
    apply,
    isAnnounced: store.isAnnounced,
  })
  const feedMetrics = createFeedMetrics(feed.stalenessMs, log)
  const presence = createPresence({
    book: store.replicaBook,
    clock,
    id: randomUUID().replaceAll('-', ''),
    name: `${hostname()}/${process.pid}`,
    servesMs: servesMs(cache),
    failed: (error) => log.debug({ err: error }, 'other processes could not be told that this one serves'),
  })
  lifecycle.onClose('presence', presence.close)
  const poller = startChangePoller({
    feed,
    clock,
    intervalMs: feedIntervalMs,
    polled: (poll) => {
      feedMetrics.polled(poll)
      const position = feed.position()
      if (poll.failure === undefined && position !== undefined) presence.polled(position)
    },
  })
  lifecycle.onClose('change feed', poller.stop)
  return feed
}

/** Cut off from the feed, a key is asked for again; cut off from all of the store, it is served for the grace: see key-directory.ts. */
const servesMs = ({ unfedTtlMs, staleGraceMs, positiveTtlMs }: Config['cache']): number =>
  Math.min(positiveTtlMs, Math.max(unfedTtlMs, staleGraceMs))
