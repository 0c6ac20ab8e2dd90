// Several replicas, one truth: four processes share one key and admit exactly what its limits allow.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createClock } from '../../src/kernel/clock.ts'
import { createSecrets, DEFAULT_SECRET_FORMATS, digestSecret, hintOf } from '../../src/keys/secret.ts'
import { NO_RULES } from '../../src/policy/policy.ts'
import type { LimitDraft } from '../../src/quota/limit-book.ts'
import type { Store } from '../../src/store/store.ts'
import { openStore } from '../../src/store/store.ts'
import type { CheckClient } from '../support/check-client.ts'
import { createCheckClient, summarise } from '../support/check-client.ts'
import { aCheckRequest } from '../support/check-requests.ts'
import { recordFigure } from '../support/figures.ts'
import { freshDatabase } from '../support/mariadb.ts'
import type { Replica } from '../support/replicas.ts'
import { startReplica } from '../support/replicas.ts'

const PROVE = process.env['LATCHKEY_PROVE'] === '1'
const RUNS = PROVE ? 20 : 2
const PROCESSES = 4
const CONCURRENT_EACH = PROVE ? 256 : 64
const AMOUNT = PROVE ? 20_000 : 10_000
const SURPLUS = 1_000
const CALLER_DEADLINE_MS = 8_000

let directory: string
let store: Store
let replicas: Replica[]
let clients: CheckClient[]

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'latchkey-exact-'))
  const url = await freshDatabase()
  store = await openStore({ url, clock: createClock() })
  await store.migrate()
  await store.ownerBook.createOwner('acme', NO_RULES)
  const names = Array.from({ length: PROCESSES }, (_, n) => `replica-${n}`)
  replicas = await Promise.all(names.map((name) => startReplica(directory, name, url)))
  clients = replicas.map(({ address }) => createCheckClient(address))
})

afterAll(async () => {
  recordRaces()
  for (const client of clients) client.close()
  await Promise.all(replicas.map((replica) => replica.stop()))
  await store.close()
  await rm(directory, { recursive: true })
})

const secrets = createSecrets(DEFAULT_SECRET_FORMATS)

const createKey = async (ownerPath: string, limits: readonly LimitDraft[]) => {
  const secret = secrets.mint()
  const draft = {
    name: 'race',
    ownerPath,
    notBeforeMs: undefined,
    expiresAtMs: undefined,
    rules: NO_RULES,
    limits,
  }
  const [key] = await store.keyBook.createKeys([
    { ...draft, digest: digestSecret(secret), hint: hintOf(secret) },
  ])
  return { id: key?.id ?? '', secret }
}

const total = (amount: number): LimitDraft => ({ unit: 'requests', period: 'total', zone: 'UTC', amount })

type Race = Readonly<{ answers: Record<string, number>; answersPerSecond: number; slowestMs: number }>

/** All replicas at once, each with its share of Checks in flight, until `checks` have been answered. */
const race = async (secret: string, checks: number): Promise<Race> => {
  const headers = [['authorization', `Bearer ${secret}`]] as const
  const answers: Record<string, number> = {}
  let asked = 0
  let slowestMs = 0
  const caller = async (client: CheckClient) => {
    while (asked < checks) {
      asked += 1
      const askedMs = performance.now()
      const answer = await client
        .check(aCheckRequest({ headers }), { timeoutMs: CALLER_DEADLINE_MS })
        .then(summarise, (error: Error) => ({ reason: error.message }))
      slowestMs = Math.max(slowestMs, performance.now() - askedMs)
      answers[answer.reason] = (answers[answer.reason] ?? 0) + 1
    }
  }
  const beganMs = performance.now()
  await Promise.all(
    clients.flatMap((client) => Array.from({ length: CONCURRENT_EACH }, () => caller(client))),
  )
  return { answers, answersPerSecond: checks / ((performance.now() - beganMs) / 1_000), slowestMs }
}

const races: Race[] = []

const recordRaces = () => {
  const answered = (reason: string) =>
    [...new Set(races.map(({ answers }) => answers[reason] ?? 0))].join(', ')
  const rates = races.map(({ answersPerSecond }) => answersPerSecond).toSorted((a, b) => a - b)
  const reasons = new Set(races.flatMap(({ answers }) => Object.keys(answers)))
  recordFigure({
    name: `admitted of ${AMOUNT + SURPLUS} asked and ${AMOUNT} allowed, in each of ${races.length} runs`,
    value: answered('allow'),
  })
  recordFigure({ name: 'refused for quota, in each of them', value: answered('quota_exhausted') })
  recordFigure({
    name: 'other answers in all of them, unavailable included',
    value: [...reasons].filter((reason) => reason !== 'allow' && reason !== 'quota_exhausted').length,
  })
  recordFigure({
    name: 'answers a second, in the median run',
    value: Math.round(rates[Math.floor(rates.length / 2)] ?? 0),
  })
  recordFigure({
    name: `slowest answer of all runs, to callers who wait ${CALLER_DEADLINE_MS} ms`,
    value: Math.round(Math.max(...races.map(({ slowestMs }) => slowestMs))),
    unit: 'ms',
  })
}

const runs = Array.from({ length: RUNS }, (_, n) => n + 1)

describe(`${PROCESSES} processes × ${CONCURRENT_EACH} concurrent Checks`, () => {
  test.each(runs)(
    `one key, exactly ${AMOUNT} admitted, nobody unavailable (run %i)`,
    { timeout: 120_000 },
    async () => {
      const { id, secret } = await createKey('acme', [total(AMOUNT)])
      const result = await race(secret, AMOUNT + SURPLUS)
      races.push(result)
      expect(result.answers).toEqual({ allow: AMOUNT, quota_exhausted: SURPLUS })
      expect((await store.limitBook.listLimits(id)).map(({ used }) => used)).toEqual([AMOUNT])
    },
  )

  test('three stacked limits: equal totals, none charged on a refusal', { timeout: 120_000 }, async () => {
    await store.ownerBook.createOwner('stacked/team', NO_RULES, { withParents: true })
    await store.limitBook.createLimit('stacked', total(1_000))
    await store.limitBook.createLimit('stacked/team', total(2_000))
    const { id, secret } = await createKey('stacked/team', [total(3_000)])
    expect((await race(secret, 1_500)).answers).toEqual({ allow: 1_000, quota_exhausted: 500 })
    const subjects = ['stacked', 'stacked/team', id]
    const limits = await Promise.all(subjects.map((subject) => store.limitBook.listLimits(subject)))
    expect(limits.flat().map(({ used }) => used)).toEqual([1_000, 1_000, 1_000])
  })
})
