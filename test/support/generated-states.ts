// Any configuration that a store can hold, made by fast-check.
import fc from 'fast-check'
import type { DeclaredOwner, StoredState } from '../../src/keys/declared-state.ts'
import type { Model } from '../../src/policy/model-catalogue.ts'
import { NO_RULES } from '../../src/policy/policy.ts'
import type { PolicyDraft } from '../../src/policy/policy-book.ts'
import { PERIODS } from '../../src/quota/quota.ts'

/** Every name in it is registered, and every owner's parent is there. */
export const storedStates = (): fc.Arbitrary<StoredState> =>
  fc
    .record({
      guardrails: fc.uniqueArray(names, { maxLength: 4 }),
      policyNames: fc.uniqueArray(names, { maxLength: 4 }),
    })
    .chain(({ guardrails, policyNames }) =>
      fc.record({
        guardrails: fc.constant(guardrails.toSorted()),
        policies: fc.tuple(...policyNames.toSorted().map((name) => policyNamed(name, guardrails))),
        models: fc.uniqueArray(modelsWith(guardrails), { maxLength: 4, selector: ({ name }) => name }),
        owners: ownerTrees(guardrails, policyNames),
      }),
    )

/** Words that YAML would take for something else among them. */
const names = fc.constantFrom('a', 'b-c', 'null', 'true', '007', '1e3', 'x.y_z', 'no', '0x1f', 'default')
const globs = fc.constantFrom(
  '*',
  'gpt-4o*',
  'claude-3',
  '~',
  '#x',
  '{}',
  '!t',
  '&a',
  "'",
  '"',
  'a: b',
  '1.0',
  '-',
)
const globLists = fc.uniqueArray(
  globs.filter((glob) => !/\s/.test(glob)),
  { maxLength: 3 },
)

const policyNamed = (name: string, guardrails: readonly string[]): fc.Arbitrary<PolicyDraft> =>
  fc.record({
    name: fc.constant(name),
    models: fc.option(globLists, { nil: undefined }),
    deniedModels: globLists,
    guardrails: fc.subarray([...guardrails]),
  })

const modelsWith = (guardrails: readonly string[]): fc.Arbitrary<Model> =>
  fc.record({
    name: globs.filter((glob) => !/\s/.test(glob)),
    route: names,
    guardrails: fc.subarray([...guardrails]),
  })

const limits = fc.uniqueArray(
  fc.record({
    unit: fc.constant('requests' as const),
    period: fc.constantFrom(...PERIODS),
    zone: fc.constantFrom('UTC', 'Europe/Berlin', 'Asia/Kolkata'),
    amount: fc.oneof(fc.nat(), fc.constantFrom(0, Number.MAX_SAFE_INTEGER)),
  }),
  { maxLength: 3, selector: ({ period, zone }) => `${period} ${zone}` },
)

const ownerTrees = (
  guardrails: readonly string[],
  policies: readonly string[],
): fc.Arbitrary<readonly DeclaredOwner[]> =>
  fc
    .uniqueArray(fc.array(names, { minLength: 1, maxLength: 3 }), {
      maxLength: 4,
      selector: (path) => path.join('/'),
    })
    .map((paths) => [
      ...new Set(paths.flatMap((path) => path.map((_, at) => path.slice(0, at + 1).join('/')))),
    ])
    .chain((paths) =>
      fc.tuple(
        ...paths.map((path) =>
          fc.record({
            path: fc.constant(path),
            disabled: fc.boolean(),
            rules: fc
              .record({
                models: fc.option(globLists, { nil: undefined }),
                deniedModels: globLists,
                policies: fc.subarray([...policies]),
                guardrails: fc.subarray([...guardrails]),
              })
              .map((rules) => ({ ...NO_RULES, ...rules })),
            limits,
          }),
        ),
      ),
    )
