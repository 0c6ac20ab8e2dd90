// What is said of policies and models themselves: the names by which they are meant, routes, shadow mode.
import { expect } from 'vitest'
import type { Model } from '../../src/policy/model-catalogue.ts'
import type { Policy, Rules } from '../../src/policy/policy.ts'
import type { World } from './field-world.ts'
import type { Row } from './row.ts'
import { tellRow, trialRow } from './row.ts'
import type { Holder } from './subjects.ts'
import { HOLDERS, newKey, newName, rulesOf, setRules } from './subjects.ts'

export const registryRows = (): readonly Row[] => [
  ...Object.values(POLICY_FIELDS).flat(),
  ...Object.values(MODEL_FIELDS),
]

/** The same key under a policy in shadow mode passes and is told of what would have been. */
const shadowRow = (holder: Holder): Row =>
  trialRow(`policy shadow of one of the ${holder}`, {
    reason: 'model_not_allowed',
    begin: async (world, value) => {
      const key = await newKey(world)
      const name = newName()
      const { policyBook } = world.store
      await policyBook.createPolicy({ name, models: [], shadow: value === 'admits' })
      await setRules(world, holder, key, { policies: [name] })
      const set = async (to: typeof value) =>
        void (await policyBook.updatePolicy(name, { shadow: to === 'admits' }))
      return { secret: key.secret, set }
    },
  })

/** Its rules are in a table of their own. */
const POLICY_FIELDS: Readonly<Record<Exclude<keyof Policy, keyof Rules>, readonly Row[]>> = {
  name: [
    tellRow('policy name and version are told upstream', async (world) => {
      const name = newName()
      const { policyBook } = world.store
      await policyBook.createPolicy({ name })
      const { secret } = await newKey(world, { rules: rulesOf({ policies: [name, 'lax'] }) })
      const told = async () => (await world.ask(secret)).upstream('x-latchkey-policy')
      expect(await told()).toBe(`lax@1,${name}@1`)
      await policyBook.updatePolicy(name, { deniedModels: ['gpt-*'] })
      expect(await told()).toBe(`lax@1,${name}@2`)
    }),
  ],
  version: [],
  shadow: [
    ...HOLDERS.map(shadowRow),
    tellRow('policy shadow is told, and limits in earnest are charged', async (world) => {
      const name = newName()
      await world.store.policyBook.createPolicy({ name, models: [], shadow: true })
      const { ask, used } = await onTrial(world, { rules: rulesOf({ policies: [name] }) })
      await ask()
      expect(await used()).toEqual([1])
    }),
    tellRow('key shadow is told, and charges nothing', async (world) => {
      const { ask, used } = await onTrial(world, { shadow: true, rules: rulesOf({ models: [] }) })
      for (let time = 1; time <= 3; time += 1) await ask()
      expect(await used()).toEqual([0])
    }),
    trialRow('policy guardrails, although it is in shadow', {
      reason: 'policy_unresolved',
      begin: async (world, value) => {
        const name = newName()
        const guardrails = { admits: ['pii-mask'], refuses: ['nobody-runs-it'] }
        const { policyBook } = world.store
        await policyBook.createPolicy({ name, guardrails: guardrails[value], shadow: true })
        const { secret } = await newKey(world, { rules: rulesOf({ policies: [name] }) })
        const set = async (to: typeof value) =>
          void (await policyBook.updatePolicy(name, { guardrails: guardrails[to] }))
        return { secret, set }
      },
    }),
  ],
}

/** A key with a limit of one request, whose model is refused, but only told of. */
const onTrial = async (world: World, draft: Parameters<typeof newKey>[1]) => {
  const limits = [{ unit: 'requests', period: 'total', zone: 'UTC', amount: 1 }] as const
  const { id, secret } = await newKey(world, { ...draft, limits })
  const ask = async (): Promise<void> => {
    const answer = await world.ask(secret)
    expect(answer).toMatchObject({ status: 200 })
    expect(answer.client('x-latchkey-would-deny')).toBe('model_not_allowed')
    expect(await answer.facts()).toMatchObject({ would_deny: 'model_not_allowed' })
  }
  const used = async () => (await world.store.limitBook.listLimits(id)).map((limit) => limit.used)
  return { ask, used }
}

const MODEL_FIELDS: Readonly<Record<keyof Model, Row>> = {
  name: trialRow('model name', {
    reason: 'model_not_allowed',
    asked: { model: 'catalogued-by-name' },
    begin: async ({ store, ...world }, value) => {
      const names = { admits: 'catalogued-by-*', refuses: 'catalogued-by-?' }
      const set = async (to: typeof value) => {
        const { policyBook } = store
        const listed = (await policyBook.listModels()).filter(({ name }) => name.startsWith('catalogued-'))
        for (const { name } of listed) await policyBook.deleteModel(name)
        await policyBook.createModel({ name: names[to], route: 'vllm', guardrails: [] })
      }
      await set(value)
      return { secret: (await newKey({ store, ...world })).secret, set }
    },
  }),
  guardrails: trialRow('model guardrails', {
    reason: 'policy_unresolved',
    asked: { model: 'guarded-model' },
    begin: async ({ store, ...world }, value) => {
      const guardrails = { admits: ['pii-mask'], refuses: [] }
      const { policyBook } = store
      if (!(await policyBook.listModels()).some(({ name }) => name === 'guarded-model'))
        await policyBook.createModel({ name: 'guarded-model', route: 'vllm', guardrails: [] })
      const set = async (to: typeof value) =>
        void (await policyBook.updateModel('guarded-model', { guardrails: guardrails[to] }))
      await set(value)
      const rules = rulesOf({ guardrails: ['pii-mask'] })
      return { secret: (await newKey({ store, ...world }, { rules })).secret, set }
    },
  }),
  route: tellRow('model route is told upstream', async (world) => {
    const { policyBook } = world.store
    await policyBook.createModel({ name: 'routed-model', route: 'vllm', guardrails: [] })
    const { secret } = await newKey(world)
    const told = async () => {
      const answer = await world.ask(secret, { model: 'routed-model' })
      return [answer.upstream('x-latchkey-route'), answer.upstream('x-latchkey-model')]
    }
    expect(await told()).toEqual(['vllm', 'routed-model'])
    await policyBook.updateModel('routed-model', { route: 'openai' })
    expect(await told()).toEqual(['openai', 'routed-model'])
  }),
}
