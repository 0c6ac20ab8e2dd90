// Controls that somebody had set and nobody kept: guardrails, lists of models, expiries, budgets.
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { headerLines } from '../../src/cli/demo/received-request.ts'
import type { Rules } from '../../src/policy/policy.ts'
import { NO_RULES } from '../../src/policy/policy.ts'
import { FIELD_TABLE } from '../fields/field-table.ts'
import type { World } from '../fields/field-world.ts'
import { startGrpcWorld } from '../fields/field-world.ts'
import type { AppRig } from '../support/app-rig.ts'
import { aKeyIn, anApp } from '../support/app-rig.ts'
import type { EnvoyRig } from '../support/envoy-rig.ts'
import { startEnvoyRig } from '../support/envoy-rig.ts'
import type { HeaderLine } from '../support/raw-client.ts'
import { ENVOYS } from '../support/tested-envoys.ts'

describe.each(ENVOYS)('Envoy %s', (version) => {
  let rig: EnvoyRig
  beforeAll(async () => {
    rig = await startEnvoyRig({ version })
  })
  afterAll(() => rig.close())
  beforeEach(() => void rig.received())

  // Guardrails that a request names replaced those that run by default, so that naming a harmless one was enough.
  test('LiteLLM #33944, mlflow #22306: whatever a request says about guardrails, the model server is told of all that are set', async () => {
    const { secret } = await rig.createKey({ rules: { ...NO_RULES, guardrails: ['pii-mask'] } })
    const names = [
      'guardrails',
      'x-guardrails',
      'x-latchkey-guardrails',
      'x-litellm-disable-global-guardrails',
    ]
    const values = ['nobody-runs-it', '[]', '', 'true']
    const headers: HeaderLine[] = [
      ['authorization', `Bearer ${secret}`],
      ...names.flatMap((name) => values.map((value): HeaderLine => [name, value])),
    ]
    const wishes = [
      { guardrails: ['nobody-runs-it'] },
      { guardrails: [] },
      { guardrails: null },
      { metadata: { guardrails: [], disable_global_guardrails: true }, disable_global_guardrail: true },
      { guardrail_config: { 'pii-mask': false }, extra_body: { guardrails: [] } },
    ]
    for (const wish of wishes) {
      const body = JSON.stringify({ model: 'llama-3', messages: [], ...wish })
      expect((await rig.send({ headers, body })).status).toBe(200)
    }
    const told = rig.received().map((request) => headerLines(request, 'x-latchkey-guardrails'))
    expect(told).toEqual(wishes.map(() => ['pii-mask']))
  })
})

/** Behind the back of the books, as a restored backup or a hand at the database would. */
const behindTheBooks = ({ databaseUrl }: AppRig, statement: string) => {
  const file = new DatabaseSync(databaseUrl.slice('sqlite:'.length))
  file.exec(statement)
  file.close()
}

// A name with a mistake in it, or one that was removed, was passed over in silence.
test('TianjiLLM, an unknown guardrail: it cannot be set, not be removed while it is in use, and refuses everything when it is gone all the same', async () => {
  const rig = await anApp({ cache_positive_ttl: '1ms', cache_unfed_ttl: '1ms' })
  const { policyBook } = rig.app.store
  const guarded = (name: string): Rules => ({ ...NO_RULES, guardrails: [name] })
  await policyBook.createGuardrail('pii-mask')
  await expect(aKeyIn(rig.app.store, { rules: guarded('pii-mesk') })).rejects.toMatchObject({
    name: 'Rejection',
  })
  const { secret } = await aKeyIn(rig.app.store, { rules: guarded('pii-mask') })
  await expect(policyBook.deleteGuardrail('pii-mask')).rejects.toMatchObject({ code: 'conflict' })
  // Somebody on the way says that he runs both.
  const contextExtensions = { latchkey_guardrails: 'pii-mask, pii-mesk' }
  const ask = () => rig.answer(secret, { contextExtensions })
  expect(await ask()).toMatchObject({ allowed: true })
  behindTheBooks(rig, `UPDATE virtual_key SET guardrails = '["pii-mesk"]'`)
  await expect.poll(ask, { timeout: 20_000 }).toMatchObject({ httpStatus: 503, reason: 'policy_unresolved' })
  expect(rig.log.filter((line) => line.includes('pii-mesk'))).not.toEqual([])
})

// Set at an owner far above, or in the draft of a key, and asked for by nobody on the way.
describe('TianjiLLM, controls; langwatch #772: every field that can be set bites', () => {
  let world: World
  beforeAll(async () => {
    world = await startGrpcWorld()
  })
  afterAll(() => world.close())

  // Everywhere else it can be said, and on every store: test/fields.
  for (const { name, run } of FIELD_TABLE.filter((row) => /^key |of the grandparent$/.test(row.name)))
    test(name, () => run(world))
})

// A team without a list of its own overwrote the list of the key, and an empty one meant everything.
test('LiteLLM #2651 #14049 #16025: no list restricts nothing, an empty one admits nothing, and neither takes the place of another', async () => {
  const rig = await anApp()
  const { ownerBook, policyBook } = rig.app.store
  for (const guardrail of ['of-owner', 'of-key']) await policyBook.createGuardrail(guardrail)
  const guardrails = ['of-owner', 'of-key']
  await policyBook.createModel({ name: '*', route: 'vllm', guardrails })
  const admitted = async (ofOwner: readonly string[] | undefined, ofKey: readonly string[] | undefined) => {
    const ownerPath = `org-${Math.random().toString(36).slice(2)}`
    await ownerBook.createOwner(ownerPath, { ...NO_RULES, models: ofOwner, guardrails: ['of-owner'] })
    const rules = { ...NO_RULES, models: ofKey, guardrails: ['of-key'] }
    const { secret } = await aKeyIn(rig.app.store, { ownerPath, rules })
    const models = ['a', 'b', 'c']
    const asked = await Promise.all(
      models.map((model) => rig.ask(secret, { body: JSON.stringify({ model }) })),
    )
    for (const { httpResponse } of asked) {
      if (httpResponse?.$case !== 'okResponse') continue
      const sent = httpResponse.value.headers.find(({ header }) => header?.key === 'x-latchkey-guardrails')
      expect(sent?.header?.value).toBe('of-key,of-owner')
    }
    return models.filter((_, at) => asked[at]?.status?.code === 0).join('')
  }
  expect(await admitted(undefined, undefined)).toBe('abc')
  expect(await admitted(undefined, ['a'])).toBe('a')
  expect(await admitted(['a', 'b'], undefined)).toBe('ab')
  expect(await admitted(['a', 'b'], ['b', 'c'])).toBe('b')
  expect(await admitted([], ['a'])).toBe('')
  expect(await admitted(['a'], [])).toBe('')
  expect(await admitted([], undefined)).toBe('')
})
