// A long run over many keys, most of which nobody ever made: what the process holds does not grow with what it was asked.
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
const SECONDS = Number(process.env['LATCHKEY_SOAK_SECONDS'] ?? (PROVE ? 420 : 0))
const TIMEOUT_MS = Math.max(PROVE ? 580_000 : 120_000, SECONDS * 1_500)
const IN_FLIGHT = 32
const SAMPLES = 40
const MAX_SERIES = 500
/** Of the last quarter over the second, by which the caches are full. In a short run V8 has not yet settled how much it wants. */
const MAX_GROWTH_MIB = PROVE ? 48 : 200
/** A few connections to the database more or less, and those that ask for the metrics. */
const MAX_MORE_FILES = 16

const { mint } = createSecrets(DEFAULT_SECRET_FORMATS)

const questionOf = (secret: string): Buffer =>
  Buffer.from(
    CheckRequest.encode(aCheckRequest({ headers: [['authorization', `Bearer ${secret}`]] })).finish(),
  )

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
  // As many as there are by default, or so few that they are full within seconds.
  const settings = PROVE ? {} : { LATCHKEY_CACHE_MAX_ENTRIES: '500' }
  const server = await startSoakServer(await aDirectory(), { DATABASE_URL: url, ...settings })
  onClose(server.stop)
  const connection = await openCheckConnection(server.socketPath)
  onClose(connection.close)

  const answers = { admitted: 0, refusedValid: 0, refusedUnknown: 0, admittedUnknown: 0 }
  const samples: SoakSample[] = []
  const beganMs = performance.now()
  let asked = 0
  const total = VALID * (UNKNOWN_FOR_EACH + 1)
  const goesOn = () => asked < total || performance.now() - beganMs < SECONDS * 1_000
  const progress = () => Math.min(asked / total, (performance.now() - beganMs) / (SECONDS * 1_000 || 1))
  const ask = async () => {
    const isValid = asked % (UNKNOWN_FOR_EACH + 1) === 0
    const secret = isValid ? valid[(asked / (UNKNOWN_FOR_EACH + 1)) % VALID] : mint()
    asked += 1
    const status = await connection.ask(questionOf(secret ?? ''))
    if (isValid) answers[status === 0 ? 'admitted' : 'refusedValid'] += 1
    else answers[status === 0 ? 'admittedUnknown' : 'refusedUnknown'] += 1
    if (progress() * SAMPLES > samples.length) samples.push(await server.look())
  }
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      while (goesOn()) await ask()
    }),
  )

  expect(answers).toMatchObject({ admittedUnknown: 0, refusedValid: 0 })
  const quarter = (n: number, of: (sample: SoakSample) => number) =>
    samples.slice(((n - 1) * samples.length) / 4, (n * samples.length) / 4).map(of)
  const rss = [1, 2, 3, 4].map((n) => Math.round(median(quarter(n, ({ rssMib }) => rssMib))))
  const [, second = 0, , last = 0] = rss
  const files = [2, 4].map((n) => Math.max(...quarter(n, ({ openFiles }) => openFiles)))
  const series = Math.max(...samples.map(({ series }) => series))
  const seconds = Math.round((performance.now() - beganMs) / 1_000)
  recordFigure({ name: 'unknown keys refused', value: answers.refusedUnknown })
  recordFigure({ name: 'Checks of valid keys admitted', value: answers.admitted })
  recordFigure({ name: 'time that it took', value: seconds, unit: 's' })
  recordFigure({
    name: 'memory of the process, median of each quarter of the run',
    value: rss.join(', '),
    unit: 'MiB',
  })
  recordFigure({ name: 'open files, at most in the second and in the last quarter', value: files.join(', ') })
  recordFigure({ name: 'series of metrics, at most', value: series })
  expect(series).toBeLessThanOrEqual(MAX_SERIES)
  expect(last - second).toBeLessThan(MAX_GROWTH_MIB)
  expect((files[1] ?? 0) - (files[0] ?? 0)).toBeLessThanOrEqual(MAX_MORE_FILES)
})
