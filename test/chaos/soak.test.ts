// A long run over many keys, most of which nobody ever made: what the process holds does not grow with what it was asked.
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { openCheckConnection } from '../../bench/check-connection.ts'
import { CheckRequest } from '../../src/grpc/gen/envoy/service/auth/v3/external_auth.ts'
import { createClock } from '../../src/kernel/clock.ts'
import { createSecrets, DEFAULT_SECRET_FORMATS } from '../../src/keys/secret.ts'
import { NO_RULES } from '../../src/policy/policy.ts'
import { openStore } from '../../src/store/store.ts'
import { aCheckRequest } from '../support/check-requests.ts'
import { aDirectory, onClose } from '../support/closing.ts'
import { recordFigure } from '../support/figures.ts'
import { freshDatabase } from '../support/mariadb.ts'
import { createKeys } from '../support/outage-rig.ts'
import type { SoakSample } from '../support/soak-server.ts'
import { startSoakServer } from '../support/soak-server.ts'

const PROVE = process.env['LATCHKEY_PROVE'] === '1'
const VALID = PROVE ? 100_000 : 500
const UNKNOWN_FOR_EACH = 10
/** All keys at least once, and at least this long. */
const SECONDS = Number(process.env['LATCHKEY_SOAK_SECONDS'] ?? (PROVE ? 300 : 2))
const TIMEOUT_MS = Math.max(PROVE ? 590_000 : 120_000, SECONDS * 1_500 + 180_000)
const IN_FLIGHT = 32
const SAMPLE_EVERY_MS = PROVE ? 2_000 : 50
const MAX_SERIES = 500
/** As many as there are by default, or so few that they are full within seconds. */
const REMEMBERED = PROVE ? 100_000 : 500
/** Of the last quarter over the second. In a short run V8 has not yet settled how much it wants. */
const MAX_GROWTH_MIB = PROVE ? 48 : 200
/** A few connections to the database more or less, and those that ask for the metrics. */
const MAX_MORE_FILES = 16

const { mint } = createSecrets(DEFAULT_SECRET_FORMATS)

const questionOf = (secret: string): Buffer =>
  Buffer.from(
    CheckRequest.encode(aCheckRequest({ headers: [['authorization', `Bearer ${secret}`]] })).finish(),
  )

type TimedSample = SoakSample & Readonly<{ atMs: number }>

/** A few questions at once, until there is no next one. */
const inFlight = async (next: (nth: number) => (() => Promise<void>) | undefined): Promise<void> => {
  let nth = 0
  const askAll = async () => {
    for (let ask = next(nth++); ask !== undefined; ask = next(nth++)) await ask()
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, askAll))
}

/** One look at a time, as often as that allows. */
const sampleUntil = async (isOver: () => boolean, look: () => Promise<void>): Promise<void> => {
  while (!isOver()) {
    await look()
    await delay(SAMPLE_EVERY_MS)
  }
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

test(`${VALID * UNKNOWN_FOR_EACH} unknown keys and ${VALID} valid ones: memory, files and series stay as they are`, {
  timeout: TIMEOUT_MS,
}, async () => {
  const url = await freshDatabase()
  const store = await openStore({ url, clock: createClock() })
  await store.migrate()
  await store.ownerBook.createOwner('acme', NO_RULES)
  const valid = await createKeys(store, VALID, [])
  await store.close()
  const server = await startSoakServer(await aDirectory(), {
    DATABASE_URL: url,
    LATCHKEY_CACHE_MAX_ENTRIES: `${REMEMBERED}`,
  })
  onClose(server.stop)
  const connection = await openCheckConnection(server.socketPath)
  onClose(connection.close)

  const answers = { admitted: 0, refusedValid: 0, refusedUnknown: 0, admittedUnknown: 0 }
  const askValid = async (nth: number) => {
    const status = await connection.ask(questionOf(valid[nth % VALID] ?? ''))
    answers[status === 0 ? 'admitted' : 'refusedValid'] += 1
  }
  const askUnknown = async () => {
    const status = await connection.ask(questionOf(mint()))
    answers[status === 0 ? 'admittedUnknown' : 'refusedUnknown'] += 1
  }
  // Each valid key once, and as many unknown ones as can be remembered: from here on nothing has a reason to grow.
  await inFlight((nth) => (nth < VALID ? () => askValid(nth) : undefined))
  await inFlight((nth) => (nth < REMEMBERED ? askUnknown : undefined))

  const beganMs = performance.now()
  const elapsedMs = () => performance.now() - beganMs
  const total = VALID * (UNKNOWN_FOR_EACH + 1)
  const samples: TimedSample[] = []
  let over = false
  const sampling = sampleUntil(
    () => over,
    async () => {
      samples.push({ ...(await server.look()), atMs: elapsedMs() })
    },
  )
  await inFlight((nth) => {
    if (nth >= total && elapsedMs() >= SECONDS * 1_000) return undefined
    return nth % (UNKNOWN_FOR_EACH + 1) === 0 ? () => askValid(nth / (UNKNOWN_FOR_EACH + 1)) : askUnknown
  })
  over = true
  await sampling
  const tookMs = elapsedMs()

  expect(answers).toMatchObject({ admittedUnknown: 0, refusedValid: 0 })
  const quarter = (n: number, of: (sample: SoakSample) => number) =>
    samples.filter(({ atMs }) => Math.floor((atMs * 4) / tookMs) === n - 1).map(of)
  const QUARTERS = [1, 2, 3, 4]
  expect(Math.min(...QUARTERS.map((n) => quarter(n, () => 1).length))).toBeGreaterThan(0)
  const rss = QUARTERS.map((n) => Math.round(median(quarter(n, ({ rssMib }) => rssMib))))
  const [, second = 0, , last = 0] = rss
  const files = [2, 4].map((n) => Math.max(...quarter(n, ({ openFiles }) => openFiles)))
  const series = Math.max(...samples.map(({ series }) => series))
  recordFigure({ name: 'unknown keys refused', value: answers.refusedUnknown })
  recordFigure({ name: 'Checks of valid keys admitted', value: answers.admitted })
  recordFigure({
    name: 'time that it took after the caches were full',
    value: Math.round(tookMs / 1_000),
    unit: 's',
  })
  recordFigure({
    name: `memory of the process, median of each quarter of that time (${samples.length} samples)`,
    value: rss.join(', '),
    unit: 'MiB',
  })
  recordFigure({ name: 'open files, at most in the second and in the last quarter', value: files.join(', ') })
  recordFigure({ name: 'series of metrics, at most', value: series })
  expect(series).toBeLessThanOrEqual(MAX_SERIES)
  expect(last - second).toBeLessThan(MAX_GROWTH_MIB)
  expect((files[1] ?? 0) - (files[0] ?? 0)).toBeLessThanOrEqual(MAX_MORE_FILES)
})
