// Secrets replaced while they are used: nobody is refused during the grace, and everybody after it.
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { aDirectory } from '../support/closing.ts'
import { runInside } from '../support/command-inside.ts'
import { recordFigure } from '../support/figures.ts'
import { freshDatabase } from '../support/mariadb.ts'
import type { Key } from '../support/revocation-fleet.ts'
import { createKeys, startReplicas } from '../support/revocation-fleet.ts'
import type { RotationTraffic, SecretSeen } from '../support/rotation-traffic.ts'
import { startRotationTraffic } from '../support/rotation-traffic.ts'
import { until } from '../support/until.ts'

const PROVE = process.env['LATCHKEY_PROVE'] === '1'
const ROUNDS = PROVE ? 6 : 1
/** Half of them with a limit that is charged. */
const KEYS = PROVE ? 10 : 2
const GRACE_MS = PROVE ? 6_000 : 3_000
const CHECKS_PER_SECOND = 20
const MILLION = { unit: 'requests', period: 'day', zone: 'UTC', amount: 1_000_000 } as const

const STORES = [
  {
    kind: 'SQLite, one process',
    replicas: 1,
    url: async () => `sqlite:${join(await aDirectory(), 'store.db')}`,
  },
  { kind: 'MariaDB, two replicas', replicas: 2, url: freshDatabase },
] as const

type Answer = Readonly<{ id: string; secret: string; grace_ends_at: string }>

describe.each(STORES)('$kind', ({ kind, replicas, url: newUrl }) => {
  test('0 requests are refused over the grace, the old secret after it everywhere, and a repeated call has the same answer', {
    timeout: 590_000,
  }, async () => {
    const url = await newUrl()
    const fleet = await startReplicas(url, replicas)
    let keys = [...(await createKeys(fleet, KEYS / 2)), ...(await createKeys(fleet, KEYS / 2, [MILLION]))]
    const traffic = startRotationTraffic(fleet.clients, CHECKS_PER_SECOND)
    const lateMs: number[] = []
    let admittedInGrace = 0
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const { id, secret } of keys) traffic.use(id, { old: secret }, 'old')
      for (const { id } of keys) await servedBy(traffic, id, 'old', replicas)
      const rotated = await Promise.all(keys.map((key) => rotateInUse(traffic, key, url)))
      for (const { late, admitted } of rotated) {
        lateMs.push(...late)
        admittedInGrace += admitted
      }
      keys = rotated.map(({ key }) => key)
    }
    const sent = await traffic.stop()
    expect(admittedInGrace).toBeGreaterThan(0)
    const what = `${kind}: ${KEYS * ROUNDS} rotations in use`
    recordFigure({ name: `${what}, requests refused over the grace`, value: 0 })
    recordFigure({ name: `${what}, admitted with the old secret over the grace`, value: admittedInGrace })
    recordFigure({ name: `${what}, requests in all`, value: sent })
    recordFigure({
      name: `${what}, last answer that admitted an old secret after its end, at worst`,
      value: Math.round(Math.max(0, ...lateMs)),
      unit: 'ms',
    })
  })
})

/** The key with its new secret, how often the old one was admitted over the grace, and how late each replica did so at last. */
const rotateInUse = async (
  traffic: RotationTraffic,
  { id, secret }: Key,
  url: string,
): Promise<Readonly<{ key: Key; late: readonly number[]; admitted: number }>> => {
  const args = ['keys', 'rotate', id, '--grace', `${GRACE_MS}ms`, '--idempotency-key', randomUUID()]
  const [answer, repeated] = await oneAtATime(async () => [
    await rotated(args, url),
    await rotated(args, url),
  ])
  expect(repeated).toBe(answer)
  const { secret: next, grace_ends_at: endsAt } = JSON.parse(answer) as Answer
  const secrets = { old: secret, new: next }
  const endsAtMs = Date.parse(endsAt)

  traffic.use(id, secrets, 'both')
  await until(() => Date.now() >= endsAtMs - GRACE_MS / 2)
  // The last client goes over well before the end: what is sent before it may be decided after it.
  traffic.use(id, secrets, 'new')
  const over = await traffic.seen(id)
  for (const { refused } of over.new) expect(refused).toEqual([])
  // A command on a machine at its limit may take longer than the grace: who has no new secret by then is rightly refused.
  const early = over.old.flatMap(({ refused }) =>
    refused.filter(({ atMs }) => atMs < endsAtMs - GRACE_MS / 4),
  )
  expect(early).toEqual([])
  const admitted = over.old.reduce((sum, each) => sum + each.admitted, 0)
  await until(() => Date.now() >= endsAtMs)
  const endedMs = performance.now()
  traffic.use(id, secrets, 'both')
  const late = await refusedByAll(traffic, id, endedMs)

  const after = await servedBy(traffic, id, 'new', late.length)
  for (const { admitted } of after.old) expect(admitted).toBe(0)
  for (const { refused } of after.old)
    expect(new Set(refused.map(({ reason }) => reason))).toEqual(new Set(['invalid_key']))
  for (const { refused } of after.new) expect(refused).toEqual([])
  expect(await oneAtATime(() => rotated(args, url))).toBe(answer)
  return { key: { id, secret: next }, late, admitted }
}

/** A caller who was told that the store did not answer asks again: that is what an idempotency key is for. */
const rotated = async (args: readonly string[], url: string): Promise<string> => {
  for (;;) {
    const { code, stdout, stderr } = await runInside([...args, '--json', '--database-url', url])
    if (code === 69) continue
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    return stdout
  }
}

/** Each command opens the store for itself. */
const oneAtATime = <T>(work: () => Promise<T>): Promise<T> => {
  const done = turn.then(work)
  turn = done.catch(() => {})
  return done
}
let turn: Promise<unknown> = Promise.resolve()

/** Until every replica has refused the old secret; the new one is never refused meanwhile. */
const refusedByAll = async (
  traffic: RotationTraffic,
  id: string,
  endedMs: number,
): Promise<readonly number[]> => {
  const late: number[] = []
  const refusals: boolean[] = []
  await until(async () => {
    const seen = await traffic.seen(id)
    for (const each of seen.new) expect(each.refused).toEqual([])
    for (const [place, each] of seen.old.entries()) {
      if (refusals[place] === true) expect(each.admitted).toBe(0)
      expect(each.admittedAgain).toBe(0)
      late[place] = Math.max(late[place] ?? 0, (each.admittedAtMs ?? endedMs) - endedMs)
      refusals[place] = refusals[place] === true || each.refused.length > 0
    }
    return refusals.length > 0 && refusals.every((refused) => refused)
  })
  return late
}

/** Until each replica has answered ten requests with it that were sent from now on; and what they answered to both. */
const servedBy = async (traffic: RotationTraffic, id: string, which: 'old' | 'new', replicas: number) => {
  await traffic.seen(id)
  const all = { old: [] as SecretSeen[], new: [] as SecretSeen[] }
  await until(async () => {
    const seen = await traffic.seen(id)
    all.old.push(...seen.old)
    all.new.push(...seen.new)
    const answered = seen[which].length
    const admitted = all[which].reduce((sum, each) => sum + each.admitted, 0)
    return answered === replicas && admitted >= 10 * replicas
  })
  return { old: all.old.filter(({ refused, admitted }) => refused.length + admitted > 0), new: all.new }
}
