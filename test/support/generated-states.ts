// Any configuration that a store can hold, made by fast-check.
import fc from 'fast-check'
import type { DeclaredOwner, DeclaredPolicy, StoredState } from '../../src/keys/declared-state.ts'
import type { Model } from '../../src/policy/model-catalogue.ts'
import type { PolicyRules } from '../../src/policy/policy.ts'
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

const someOf = (...entries: readonly string[]) => fc.subarray([...entries])
const unlessAbsent = <T>(lists: fc.Arbitrary<T>) => fc.option(lists, { nil: undefined })
const paths = someOf('POST /v1/chat/*', '/v1/models', '*')
const networks = someOf('10.0.0.0/8', '2001:db8::/32', '192.0.2.1')

const rulesWith = (guardrails: readonly string[]): fc.Arbitrary<PolicyRules> =>
  fc.record({
    models: unlessAbsent(globLists),
    deniedModels: globLists,
    paths: unlessAbsent(paths),
    deniedPaths: paths,
    networks: unlessAbsent(networks),
    deniedNetworks: networks,
    hours: unlessAbsent(someOf('08:00-18:00', 'Mon-Fri 22:00-06:00@Europe/Berlin')),
    guardrails: fc.subarray([...guardrails]),
  })

const labels = fc.dictionary(names, fc.constantFrom('search', 'true', '7', '{}'), { maxKeys: 3 })

const policyNamed = (name: string, guardrails: readonly string[]): fc.Arbitrary<DeclaredPolicy> =>
  fc.tuple(rulesWith(guardrails), fc.boolean()).map(([rules, shadow]) => ({ name, shadow, ...rules }))

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
              .tuple(rulesWith(guardrails), fc.subarray([...policies]))
              .map(([rules, named]) => ({ ...rules, policies: named })),
            labels,
            limits,
          }),
        ),
      ),
    )
