// Revoked in one process while it is used, refused by all within the feed's bound: keys that nothing is charged for.
import { describe, expect, test } from 'vitest'
import { recordFigure } from '../support/figures.ts'
import { freshDatabase } from '../support/mariadb.ts'
import { createKeys, startReplicas } from '../support/revocation-fleet.ts'
import type { Seen } from '../support/revocation-traffic.ts'
import { startRevocationTraffic } from '../support/revocation-traffic.ts'
import { until } from '../support/until.ts'

const PROVE = process.env['LATCHKEY_PROVE'] === '1'
const REPLICAS = PROVE ? 10 : 3
const REVOCATIONS = PROVE ? 1_000 : 20
const CHECKS_PER_SECOND = 20
/** A busy machine comes to fewer revocations by then, and the figures say to how many. */
const LONGEST_MS = 480_000

describe(`${REPLICAS} replicas on MariaDB`, () => {
  test(`refuse every one of at most ${REVOCATIONS} uncharged keys that are revoked while they are used, and none of them admits it again`, {
    timeout: 590_000,
  }, async () => {
    const fleet = await startReplicas(await freshDatabase(), REPLICAS)
    const keys = await createKeys(fleet, REVOCATIONS)
    const traffic = startRevocationTraffic(fleet.clients, CHECKS_PER_SECOND)
    const revoked: { seen: readonly Seen[]; atMs: number }[] = []
    const beganMs = performance.now()
    for (const { id, secret } of keys) {
      if (performance.now() - beganMs > LONGEST_MS) break
      const seen = traffic.aim(secret)
      await until(() => seen.every(({ admittedAtMs }) => admittedAtMs !== undefined))
      await fleet.store.keyBook.revokeKey(id)
      revoked.push({ seen, atMs: performance.now() })
      await until(() => seen.every(({ refusedAtMs }) => refusedAtMs !== undefined))
    }
    const sent = await traffic.stop()
    expect(revoked.flatMap(({ seen }) => seen).filter(({ admittedAgain }) => admittedAgain > 0)).toEqual([])
    const lastAdmissionsMs = revoked.map(({ seen, atMs }) =>
      Math.max(0, ...seen.map(({ admittedAtMs = 0 }) => admittedAtMs - atMs)),
    )
    recordUncharged(lastAdmissionsMs, sent)
  })
})

const recordUncharged = (
  lastAdmissionsMs: readonly number[],
  traffic: Readonly<{ sent: number; seconds: number; otherAnswers: number }>,
) => {
  const sorted = lastAdmissionsMs.toSorted((a, b) => a - b)
  const at = (share: number) => Math.round(sorted[Math.ceil(sorted.length * share) - 1] ?? 0)
  const what = `last admission after a revocation was committed, of ${sorted.length}, by any of ${REPLICAS} replicas`
  recordFigure({ name: `${what}: median`, value: at(0.5), unit: 'ms' })
  recordFigure({ name: `${what}: 99th percentile (at most 500 wanted)`, value: at(0.99), unit: 'ms' })
  recordFigure({ name: `${what}: longest (at most 1000 wanted)`, value: at(1), unit: 'ms' })
  recordFigure({
    name: 'uncharged Checks a second at each replica meanwhile',
    value: Math.round(traffic.sent / traffic.seconds / REPLICAS),
  })
  recordFigure({
    name: 'answers meanwhile that were neither Allow nor 401 invalid_key',
    value: traffic.otherAnswers,
  })
}
