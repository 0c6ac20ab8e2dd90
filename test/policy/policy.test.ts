// Lists intersect, guardrails join, deny beats allow, and a name nobody registered lets nothing pass.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isModelName, matchesGlob } from '../../src/policy/glob.ts'
import { unenforcedGuardrail } from '../../src/policy/guardrail.ts'
import type { Rules } from '../../src/policy/policy.ts'
import { admitsModel, NO_POLICY_RULES, NO_RULES, requirementsOf } from '../../src/policy/policy.ts'
import { createRegistry } from '../../src/policy/registry.ts'

const rules = (more: Partial<Rules>): Rules => ({ ...NO_RULES, ...more })
const NO_POLICY = { ...NO_POLICY_RULES, shadow: false }
const registry = createRegistry(1, {
  policies: [
    {
      ...NO_POLICY,
      name: 'safe',
      version: 3,
      models: ['gpt-4o*'],
      deniedModels: [],
      guardrails: ['pii-mask'],
    },
    { ...NO_POLICY, name: 'cheap', version: 1, models: undefined, deniedModels: ['*-pro'], guardrails: [] },
    { ...NO_POLICY, name: 'broken', version: 1, models: undefined, deniedModels: [], guardrails: ['gone'] },
  ],
  guardrails: ['pii-mask', 'toxicity'],
  models: [],
})

describe('model lists', () => {
  test('an absent list restricts nothing, an empty one admits nothing', () => {
    expect(admitsModel(requirementsOf([NO_RULES], registry), 'anything')).toBe(true)
    expect(admitsModel(requirementsOf([rules({ models: [] })], registry), 'anything')).toBe(false)
  })

  test('an empty list of a team is not an absent one: it never gives the key its own list back', () => {
    const requirements = requirementsOf([rules({ models: ['gpt-4o'] }), rules({ models: [] })], registry)
    expect(admitsModel(requirements, 'gpt-4o')).toBe(false)
  })

  test('lists of key, team, organisation and policy intersect', () => {
    const requirements = requirementsOf(
      [
        rules({ models: ['gpt-*', 'claude-*'] }),
        rules({ models: ['*-mini', 'gpt-4o'] }),
        rules({ policies: ['safe'] }),
      ],
      registry,
    )
    expect(
      ['gpt-4o', 'gpt-4o-mini', 'gpt-5-mini', 'claude-mini'].map((model) => admitsModel(requirements, model)),
    ).toEqual([true, true, false, false])
  })

  test('deny beats allow, wherever each stands and however the model is spelt', () => {
    const requirements = requirementsOf([rules({ models: ['*'] }), rules({ policies: ['cheap'] })], registry)
    expect(['o3-pro', 'o3-PRO', 'o3'].map((model) => admitsModel(requirements, model))).toEqual([
      false,
      false,
      true,
    ])
  })

  test('adding a holder never admits a model that was refused, and never drops a guardrail', () => {
    const globs = fc.array(fc.constantFrom('gpt-4o', 'gpt-*', '*', 'claude-*', '*-mini'), { maxLength: 3 })
    const aRule = fc
      .record({
        models: fc.option(globs, { nil: undefined }),
        deniedModels: globs,
        policies: fc.subarray(['safe', 'cheap']),
        guardrails: fc.subarray(['pii-mask', 'toxicity']),
      })
      .map(rules)
    const model = fc.constantFrom('gpt-4o', 'gpt-4o-mini', 'claude-x', 'o3-pro')
    fc.assert(
      fc.property(
        fc.array(aRule, { minLength: 1, maxLength: 3 }),
        aRule,
        model,
        (holders, another, asked) => {
          const before = requirementsOf(holders, registry)
          const after = requirementsOf([...holders, another], registry)
          if (!admitsModel(before, asked)) expect(admitsModel(after, asked)).toBe(false)
          expect(after.guardrails).toEqual(expect.arrayContaining([...before.guardrails]))
        },
      ),
    )
  })
})

describe('guardrails', () => {
  test('guardrails of key, owners and policies join, sorted and once each', () => {
    const requirements = requirementsOf(
      [rules({ guardrails: ['toxicity'] }), rules({ guardrails: ['pii-mask'], policies: ['safe'] })],
      registry,
    )
    expect(requirements.guardrails).toEqual(['pii-mask', 'toxicity'])
    expect(requirements.policies).toEqual(['safe@3'])
    expect(requirements.unresolved).toBeUndefined()
  })

  test.each([
    ['a policy', rules({ policies: ['saef'] }), 'policy saef'],
    ['a guardrail', rules({ guardrails: ['pii-msak'] }), 'guardrail pii-msak'],
    ['a guardrail of a policy', rules({ policies: ['broken'] }), 'guardrail gone'],
  ])('%s that is not registered is named, not skipped', (_what, holder, unresolved) => {
    expect(requirementsOf([holder], registry).unresolved).toBe(unresolved)
  })

  test('a guardrail that no upstream enforces is found, and Envoy’s word counts only without a catalogue', () => {
    const routed = createRegistry(2, {
      policies: [],
      guardrails: ['pii-mask'],
      models: [{ name: 'm', route: 'r', guardrails: [] }],
    })
    const model = routed.catalogue.match('m')
    expect(unenforcedGuardrail(['pii-mask'], model, ['pii-mask'], routed)).toBe('pii-mask')
    expect(unenforcedGuardrail(['pii-mask'], undefined, ['pii-mask'], registry)).toBeUndefined()
    expect(unenforcedGuardrail(['pii-mask'], undefined, undefined, registry)).toBe('pii-mask')
  })
})

describe('the catalogue', () => {
  test('exact beats glob, and the longest glob beats shorter ones', () => {
    const { catalogue } = createRegistry(1, {
      policies: [],
      guardrails: [],
      models: [
        { name: '*', route: 'any', guardrails: [] },
        { name: 'gpt-4o*', route: 'four', guardrails: [] },
        { name: 'gpt-*', route: 'gpt', guardrails: [] },
        { name: 'gpt-4o', route: 'exact', guardrails: [] },
      ],
    })
    const route = (model: string) => catalogue.match(model)?.route
    expect(['gpt-4o', 'gpt-4o-mini', 'gpt-3', 'claude'].map(route)).toEqual(['exact', 'four', 'gpt', 'any'])
    expect(catalogue.exactNames).toEqual(['gpt-4o'])
  })
})

describe('globs', () => {
  test('match exactly what a regular expression with .* for the star matches', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 8 })
    const name = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 12 })
    fc.assert(
      fc.property(letters, name, (glob, text) => {
        expect(matchesGlob(glob, text)).toBe(new RegExp(`^${glob.replaceAll('*', '.*')}$`).test(text))
      }),
      { numRuns: 5_000 },
    )
  })

  test('a model name is 1 to 256 visible ASCII characters without comma', () => {
    expect(['a', 'org/model:v1.2@x', 'a'.repeat(256)].every(isModelName)).toBe(true)
    expect(['', 'a,b', 'a b', 'a\tb', 'é', 'a\n', 'a'.repeat(257), '\u0000'].some(isModelName)).toBe(false)
  })
})
