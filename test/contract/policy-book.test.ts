// Policies, guardrails and models as people manage them, on every store.
import { expect, test } from 'vitest'
import { NO_POLICY_RULES, NO_RULES } from '../../src/policy/policy.ts'
import type { RegistryDocument } from '../../src/policy/registry.ts'
import { aDigest, createKey, describeEveryStore } from '../support/stores.ts'

const POLICY = {
  ...NO_POLICY_RULES,
  shadow: false,
  models: ['gpt-4o*'],
  deniedModels: ['o1'],
  guardrails: [],
}

describeEveryStore('policies', (get) => {
  const book = () => get().store.policyBook
  const registry = async (): Promise<RegistryDocument | undefined> =>
    (await get().store.keyStore.find(aDigest(), -1, get().newCall())).registry
  const conflict = { name: 'Rejection', code: 'conflict' }
  const notFound = { name: 'Rejection', code: 'not_found' }
  const invalid = { name: 'Rejection', code: 'invalid' }

  test('what is registered is listed by name, and the look-up brings exactly the same', async () => {
    await book().createGuardrail('pii-mask')
    await book().createGuardrail('audit')
    await book().createPolicy({ name: 'zeta', ...POLICY })
    await book().createPolicy({ name: 'base', models: undefined, deniedModels: [], guardrails: ['audit'] })
    await book().createModel({ name: 'gpt-4o*', route: 'openai', guardrails: ['pii-mask'] })
    await book().createModel({ name: 'Claude-3', route: 'anthropic', guardrails: [] })
    expect(await book().listGuardrails()).toEqual(['audit', 'pii-mask'])
    expect(await book().listPolicies()).toEqual([
      { ...POLICY, name: 'base', version: 1, models: undefined, deniedModels: [], guardrails: ['audit'] },
      { name: 'zeta', version: 1, ...POLICY },
    ])
    expect(await book().listModels()).toEqual([
      { name: 'Claude-3', route: 'anthropic', guardrails: [] },
      { name: 'gpt-4o*', route: 'openai', guardrails: ['pii-mask'] },
    ])
    expect(await registry()).toEqual({
      policies: await book().listPolicies(),
      guardrails: await book().listGuardrails(),
      models: await book().listModels(),
    })
  })

  test('each change of a policy raises its version by one and changes only what is present', async () => {
    await book().createPolicy({ name: 'v', ...POLICY })
    expect(await book().updatePolicy('v', { deniedModels: [] })).toEqual({
      ...POLICY,
      name: 'v',
      version: 2,
      deniedModels: [],
    })
    expect(await book().updatePolicy('v', { models: undefined })).toMatchObject({
      version: 3,
      models: undefined,
    })
    expect((await registry())?.policies.find(({ name }) => name === 'v')).toEqual({
      ...POLICY,
      name: 'v',
      version: 3,
      models: undefined,
      deniedModels: [],
    })
    await expect(book().updatePolicy('ghost', {})).rejects.toMatchObject(notFound)
  })

  test('concurrent changes of a policy all count, each with its own version', async () => {
    await book().createPolicy({ name: 'busy', ...POLICY })
    const versions = await Promise.all(
      Array.from({ length: 8 }, (_, n) => book().updatePolicy('busy', { models: [`m${n}`] })),
    )
    expect(versions.map(({ version }) => version).toSorted((a, b) => a - b)).toEqual([2, 3, 4, 5, 6, 7, 8, 9])
  })

  test('names are registered once, byte by byte', async () => {
    await book().createModel({ name: 'Model', route: 'r', guardrails: [] })
    await book().createModel({ name: 'model', route: 'r', guardrails: [] })
    await expect(book().createModel({ name: 'model', route: 'r', guardrails: [] })).rejects.toMatchObject(
      conflict,
    )
    await book().createGuardrail('g')
    await expect(book().createGuardrail('g')).rejects.toMatchObject(conflict)
    await book().createPolicy({ name: 'p', ...POLICY })
    await expect(book().createPolicy({ name: 'p', ...POLICY })).rejects.toMatchObject(conflict)
  })

  test('guardrails must exist before a policy or a model names them', async () => {
    const ghost = { guardrails: ['ghost'] }
    await expect(book().createPolicy({ name: 'x', ...POLICY, ...ghost })).rejects.toMatchObject(notFound)
    await expect(book().updatePolicy('zeta', ghost)).rejects.toMatchObject(notFound)
    await expect(book().createModel({ name: 'x', route: 'r', ...ghost })).rejects.toMatchObject(notFound)
    await expect(book().updateModel('gpt-4o*', ghost)).rejects.toMatchObject(notFound)
    expect((await book().listPolicies()).map(({ name }) => name)).not.toContain('x')
  })

  test('what somebody names is not deleted, and what nobody names is', async () => {
    await book().createGuardrail('held')
    await book().createPolicy({ name: 'held', ...POLICY, guardrails: ['held'] })
    await expect(book().deleteGuardrail('held')).rejects.toMatchObject(conflict)
    await book().updatePolicy('held', { guardrails: [] })
    await book().createModel({ name: 'held', route: 'r', guardrails: ['held'] })
    await expect(book().deleteGuardrail('held')).rejects.toMatchObject(conflict)
    await book().updateModel('held', { guardrails: [] })
    const { id } = await createKey(get(), {
      ownerPath: 'holder',
      rules: { ...NO_RULES, policies: ['held'], guardrails: ['held'] },
    })
    await expect(book().deleteGuardrail('held')).rejects.toMatchObject(conflict)
    await expect(book().deletePolicy('held')).rejects.toMatchObject(conflict)
    await get().store.keyBook.revokeKey(id)
    await get().store.ownerBook.updateOwner('holder', { rules: { policies: ['held'], guardrails: ['held'] } })
    await expect(book().deleteGuardrail('held')).rejects.toMatchObject(conflict)
    await expect(book().deletePolicy('held')).rejects.toMatchObject(conflict)
    await get().store.ownerBook.updateOwner('holder', { rules: { policies: [], guardrails: [] } })
    await book().deletePolicy('held')
    await book().deleteGuardrail('held')
    await book().deleteModel('held')
    expect(JSON.stringify(await registry())).not.toContain('held')
  })

  test('a name within a longer one does not hold it', async () => {
    await book().createGuardrail('pii')
    await book().createGuardrail('pii_1')
    await createKey(get(), { rules: { ...NO_RULES, guardrails: ['pii_1'], models: ['pii'] } })
    await book().deleteGuardrail('pii')
    await expect(book().deleteGuardrail('pii_1')).rejects.toMatchObject(conflict)
  })

  test('a name cannot be given away while it is deleted', async () => {
    await createKey(get(), { ownerPath: 'racers' })
    for (let round = 0; round < 5; round += 1) {
      const name = `race-${round}`
      await book().createGuardrail(name)
      const [deleted, given] = await Promise.allSettled([
        book().deleteGuardrail(name),
        createKey(get(), { ownerPath: 'racers', rules: { ...NO_RULES, guardrails: [name] } }),
      ])
      expect([deleted.status, given.status].toSorted()).toEqual(['fulfilled', 'rejected'])
    }
  })

  test('what is not there is not found, and what cannot be is refused', async () => {
    await expect(book().deletePolicy('ghost')).rejects.toMatchObject(notFound)
    await expect(book().deleteGuardrail('ghost')).rejects.toMatchObject(notFound)
    await expect(book().deleteModel('ghost')).rejects.toMatchObject(notFound)
    await expect(book().updateModel('ghost', {})).rejects.toMatchObject(notFound)
    await expect(book().createGuardrail('Bad')).rejects.toMatchObject(invalid)
    await expect(book().createPolicy({ name: '-', ...POLICY })).rejects.toMatchObject(invalid)
    await expect(book().createPolicy({ name: 'x', ...POLICY, models: ['a,b'] })).rejects.toMatchObject(
      invalid,
    )
    await expect(book().createModel({ name: 'a b', route: 'r', guardrails: [] })).rejects.toMatchObject(
      invalid,
    )
    await expect(book().createModel({ name: 'a', route: 'R', guardrails: [] })).rejects.toMatchObject(invalid)
    await expect(
      book().createModel({ name: 'x'.repeat(257), route: 'r', guardrails: [] }),
    ).rejects.toMatchObject(invalid)
    await book().createModel({ name: 'x'.repeat(256), route: 'r', guardrails: [] })
  })

  test('a refused change leaves the version of the registry as it was', async () => {
    const before = await get().store.keyStore.find(aDigest(), -1, get().newCall())
    await expect(book().createModel({ name: 'y', route: 'r', guardrails: ['ghost'] })).rejects.toThrow()
    const after = await get().store.keyStore.find(aDigest(), before.registryVersion, get().newCall())
    expect(after).toEqual({ ...before, registry: undefined })
  })
})
