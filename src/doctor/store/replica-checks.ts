// Those who serve: is one behind, did one fall silent; and are the triggers of the change feed whole?
import type { Clock } from '../../kernel/clock.ts'
import type { Store } from '../../store/store.ts'
import type { Finding } from '../finding.ts'
import { fault, orFine, someOf, warning } from '../finding.ts'

/** They say that they are there every few seconds, and good-bye when they leave. */
const SILENT_AFTER_MS = 60_000
const DAY_MS = 86_400_000

export const examineReplicas = async (store: Store, clock: Clock): Promise<readonly Finding[]> => {
  const { number } = await store.changes.last()
  const nowMs = clock.now()
  const today = await store.replicaBook.heardSince(nowMs - DAY_MS)
  const present = await store.replicaBook.heardSince(nowMs - SILENT_AFTER_MS)
  const here = new Set(present.map(({ id }) => id))
  const silent = today.filter(({ id }) => !here.has(id)).map(({ name }) => name)
  // A change of the last seconds may be on its way; so many are not.
  const behind = present.filter(({ position }) => number - position > MOST_BEHIND).map(({ name }) => name)
  return [
    ...orFine(
      [
        ...(behind.length === 0
          ? []
          : [
              fault(
                'replicas',
                `does not follow the changes, and may serve what was revoked: ${someOf(behind)}`,
                'look at its log for the feed, and at feed_lag in its metrics; restart it',
              ),
            ]),
        ...(silent.length === 0
          ? []
          : [
              warning(
                'replicas',
                `served within a day and ended or hung without a good-bye: ${someOf(silent)}`,
                'nothing, if it was killed or its machine is gone; otherwise look at its log',
              ),
            ]),
      ],
      'replicas',
      `${present.length} serve, and follow the changes`,
    ),
    ...(await examineTriggers(store)),
  ]
}

const MOST_BEHIND = 100

const examineTriggers = async ({ feedTriggers }: Store): Promise<readonly Finding[]> => {
  const [installed, all] = [await feedTriggers.installed(), feedTriggers.names]
  const missing = all.filter((name) => !installed.includes(name))
  if (installed.length === 0)
    return orFine(
      [],
      'feed_triggers',
      'none: only Latchkey may change the tables (latchkey triggers install)',
    )
  return orFine(
    missing.length === 0
      ? []
      : [
          fault(
            'feed_triggers',
            `some are missing, so some changes made past Latchkey are not noticed: ${someOf(missing)}`,
            'run: latchkey triggers install',
          ),
        ],
    'feed_triggers',
    `all ${all.length} are installed`,
  )
}
