// What shadow mode let pass is told to everybody who should know, and when it is switched off, running programs refuse.
import { expect, test } from 'vitest'
import { createClock } from '../../src/kernel/clock.ts'
import { NO_POLICY_RULES, NO_RULES } from '../../src/policy/policy.ts'
import { openStore } from '../../src/store/store.ts'
import type { AppRig } from '../support/app-rig.ts'
import { aKeyIn, anApp, mintSecret } from '../support/app-rig.ts'
import { onClose } from '../support/closing.ts'
import { samplesOf, sumIn } from '../support/metrics-page.ts'
import { until } from '../support/until.ts'

const NONE = { unit: 'requests', period: 'day', zone: 'UTC', amount: 0 } as const
const LABELLED = { labels: { team: 'search' }, rules: { ...NO_RULES, hours: [] } }

const metricsOf = async ({ app }: AppRig) =>
  samplesOf(await (await fetch(`http://${app.healthAddress}/metrics`)).text())

test('counted with its reason, logged with its rule, and in the metadata for later filters, beside the labels', async () => {
  const rig = await anApp({ health_listen: '127.0.0.1:0', allow_log_sample_rate: '0' })
  const { id, secret } = await aKeyIn(rig.app.store, { ...LABELLED, shadow: true })
  const { dynamicMetadata } = await rig.ask(secret)
  expect(dynamicMetadata).toMatchObject({
    key_id: id,
    outcome: 'allow',
    would_deny: 'outside_hours',
    'label.team': 'search',
  })
  const labels = { decision: 'would_deny', reason: 'outside_hours' }
  await until(async () => sumIn(await metricsOf(rig), 'latchkey_checks_total', labels) === 1)
  expect(sumIn(await metricsOf(rig), 'latchkey_checks_total')).toBe(1)
  const lines = rig.log
    .filter((line) => line.includes('would have been denied'))
    .map((line) => JSON.parse(line))
  expect(lines).toMatchObject([
    {
      decision: 'allow',
      reason: 'outside_hours',
      detail: expect.stringMatching(/: hours admit nothing$/),
      key_id: id,
      owner: 'acme',
    },
  ])
})

test('nothing is told of what would pass anyway, nor of what is refused all the same', async () => {
  const rig = await anApp({ shadow_mode: 'on', shadow_header: 'on', health_listen: '127.0.0.1:0' })
  const { secret } = await aKeyIn(rig.app.store)
  expect((await rig.ask(secret)).dynamicMetadata).not.toHaveProperty('would_deny')
  expect(await rig.answer(mintSecret())).toMatchObject({ allowed: false, reason: 'invalid_key' })
  expect(sumIn(await metricsOf(rig), 'latchkey_checks_total', { decision: 'would_deny' })).toBe(0)
})

test('switched off elsewhere, of a key or of a policy: refused as soon as the feed is read', async () => {
  const rig = await anApp()
  const store = await openStore({ url: rig.databaseUrl, clock: createClock() })
  onClose(() => store.close())
  await store.policyBook.createPolicy({ ...NO_POLICY_RULES, name: 'trial', shadow: true, models: [] })
  const ofKey = await aKeyIn(store, { shadow: true, limits: [NONE] })
  const ofPolicy = await aKeyIn(store, { rules: { ...NO_RULES, policies: ['trial'] } })
  const reasonOf = async ({ secret }: { secret: string }) => (await rig.answer(secret)).reason
  expect([await reasonOf(ofKey), await reasonOf(ofPolicy)]).toEqual(['allow', 'allow'])
  await store.keyBook.updateKey(ofKey.id, { shadow: false })
  await store.policyBook.updatePolicy('trial', { shadow: false })
  await until(async () => (await reasonOf(ofKey)) === 'quota_exhausted')
  await until(async () => (await reasonOf(ofPolicy)) === 'model_required')
  await store.keyBook.updateKey(ofKey.id, { shadow: true })
  await until(async () => (await reasonOf(ofKey)) === 'allow')
})
