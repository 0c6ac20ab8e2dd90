// Spending more than was allowed, or paying for what was refused: at the door that Envoy knocks on, with real processes.
import { expect, test } from 'vitest'
import { createClock } from '../../src/kernel/clock.ts'
import { NO_RULES } from '../../src/policy/policy.ts'
import type { LimitDraft } from '../../src/quota/limit-book.ts'
import type { Store } from '../../src/store/store.ts'
import { openStore } from '../../src/store/store.ts'
import { aKeyIn, anApp } from '../support/app-rig.ts'
import { createCheckClient, summarise } from '../support/check-client.ts'
import { aCheckRequest } from '../support/check-requests.ts'
import { aDirectory, onClose } from '../support/closing.ts'
import { freshDatabase, runOnMariadb } from '../support/mariadb.ts'
import { startReplica } from '../support/replicas.ts'

const PROVE = process.env['LATCHKEY_PROVE'] === '1'
const PROCESSES = 4
const IN_FLIGHT_EACH = PROVE ? 256 : 64
const AMOUNT = PROVE ? 20_000 : 1_000
/** Nobody here gives up: only the count matters. */
const PATIENT_MS = 60_000
const PATIENTLY = { LATCHKEY_CHECK_TIMEOUT: '60s', LATCHKEY_RETRY_HORIZON: '61s' }
/** Each caller is refused once, and leaves. */
const REFUSED = PROCESSES * IN_FLIGHT_EACH

const total = (amount: number): LimitDraft => ({ unit: 'requests', period: 'total', zone: 'UTC', amount })

const usedOf = async ({ limitBook }: Store, subject: string) =>
  (await limitBook.listLimits(subject)).map(({ used }) => used)

const aMariadbStore = async () => {
  const url = await freshDatabase()
  onClose(() => runOnMariadb(`DROP DATABASE ${new URL(url).pathname.slice(1)}`))
  const store = await openStore({ url, clock: createClock() })
  onClose(() => store.close())
  await store.migrate()
  return { url, store }
}

// What is left is read, the call passes, and what it cost is written afterwards: whoever asks in between passes too.
test(`LiteLLM #23714 #26672 #34732, one-api #2440, new-api #6609: ${PROCESSES} processes × ${IN_FLIGHT_EACH} in flight admit the amount and not one more`, async () => {
  const { url, store } = await aMariadbStore()
  const { id, secret } = await aKeyIn(store, { limits: [total(AMOUNT)] })
  const directory = await aDirectory()
  const names = Array.from({ length: PROCESSES }, (_, n) => `replica-${n}`)
  const replicas = await Promise.all(
    names.map(async (name) => {
      const replica = await startReplica(directory, name, url, PATIENTLY)
      onClose(replica.stop)
      return replica
    }),
  )
  const request = () => aCheckRequest({ headers: [['authorization', `Bearer ${secret}`]] })
  const answers: Record<string, number> = {}
  const askUntilRefused = async (ask: () => Promise<string>) => {
    let reason = 'allow'
    while (reason === 'allow') {
      reason = await ask()
      answers[reason] = (answers[reason] ?? 0) + 1
    }
  }
  await Promise.all(
    replicas.flatMap(({ address }) => {
      const client = createCheckClient(address)
      onClose(client.close)
      const ask = async () => summarise(await client.check(request(), { timeoutMs: PATIENT_MS })).reason
      return Array.from({ length: IN_FLIGHT_EACH }, () => askUntilRefused(ask))
    }),
  )
  expect(answers).toEqual({ allow: AMOUNT, quota_exhausted: REFUSED })
  expect(await usedOf(store, id)).toEqual([AMOUNT])
})

// Each process counts for itself, so that N of them admit N times the limit.
test('LiteLLM #2730 #4148 #13202 #18518, Kong #5954: what one replica admitted is gone for the other one too', async () => {
  const here = await anApp()
  const there = await anApp({ database_url: here.databaseUrl })
  const { id, secret } = await aKeyIn(here.app.store, { limits: [total(6)] })
  const reasons: string[] = []
  for (let turn = 0; turn < 5; turn += 1)
    for (const replica of [here, there]) reasons.push((await replica.answer(secret)).reason)
  expect(reasons).toEqual([...Array(6).fill('allow'), ...Array(4).fill('quota_exhausted')])
  expect(await usedOf(there.app.store, id)).toEqual([6])
  const later = await anApp({ database_url: here.databaseUrl })
  expect(await later.answer(secret)).toMatchObject({ reason: 'quota_exhausted' })
})

// A request that is refused for another reason, or by another limit, is counted all the same.
test('LiteLLM #39309, envoyproxy/ratelimit #185: a refusal of any kind leaves every counter as it was', async () => {
  const rig = await anApp()
  const { ownerBook, limitBook, keyBook } = rig.app.store
  await ownerBook.createOwner('acme/search', NO_RULES, { withParents: true })
  for (const path of ['acme', 'acme/search']) await limitBook.createLimit(path, total(1_000))
  const rules = { ...NO_RULES, models: ['gpt-4o-mini'] }
  const { id, secret } = await aKeyIn(rig.app.store, {
    ownerPath: 'acme/search',
    rules,
    limits: [total(1_000), { ...total(1), period: 'day' }],
  })
  const body = '{"model":"gpt-4o-mini"}'
  expect(await rig.answer(secret, { body })).toMatchObject({ allowed: true })
  const refusals = [
    [{ body }, 'quota_exhausted'],
    [{ body: '{"model":"gpt-4o"}' }, 'model_not_allowed'],
    [{ body: '{' }, 'request_malformed'],
    [{ body: '{}' }, 'model_required'],
    [{ body, cut: true }, 'body_too_large'],
    [{ body, path: '/v1/files' }, 'path_not_allowed'],
    [{ body, headers: [...bearer(secret), ...bearer(secret)] }, 'ambiguous_key'],
    [{ body, headers: bearer(`${secret}x`) }, 'invalid_key'],
  ] as const
  for (const [parts, reason] of refusals) expect(await rig.answer(secret, parts)).toMatchObject({ reason })
  await keyBook.setKeyDisabled(id, true)
  expect(await rig.answer(secret, { body })).toMatchObject({ reason: 'key_disabled' })
  await ownerBook.setOwnerDisabled('acme', true)
  await keyBook.setKeyDisabled(id, false)
  expect(await rig.answer(secret, { body })).toMatchObject({ reason: 'owner_disabled' })
  const subjects = ['acme', 'acme/search', id]
  const used = await Promise.all(subjects.map((subject) => usedOf(rig.app.store, subject)))
  expect(used.flat()).toEqual([1, 1, 1, 1])
})

const bearer = (secret: string) => [['authorization', `Bearer ${secret}`]] as const

// What was held for a call that ended in another way than expected is held for ever, or counted a second time.
test.todo(
  'LiteLLM #27639 #27735 #35569 #36926 #40050 #30519 #30522 PR #29493: every hold ends settled, released or expired (needs settlement)',
)
// Usage is known from the access log alone, and entries of it get lost.
test.todo(
  'Envoy #39831 #40806: a hold whose access-log entry was lost expires and is charged by policy (needs access logs)',
)
