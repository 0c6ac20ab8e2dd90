// Whether everything that is named after a plan exists after it too. Pure.
import type { DeclaredState, ObjectKind, StateFault, StoredState } from './declared-state.ts'
import type { Changes, Plan } from './state-plan.ts'

export type BrokenReferences = Readonly<{
  /** What is declared names what does not exist. */
  faults: readonly StateFault[]
  /** What stays in the store names what would be deleted; in words. */
  conflicts: readonly string[]
}>

export const brokenReferences = (
  stored: StoredState,
  declared: DeclaredState,
  plan: Plan,
): BrokenReferences => {
  const known: Known = {
    guardrail: namesAfter(stored.guardrails, plan.guardrails, ({ name }) => name),
    policy: namesAfter(
      stored.policies.map(({ name }) => name),
      plan.policies,
      ({ name }) => name,
    ),
    owner: namesAfter(
      stored.owners.map(({ path }) => path),
      plan.owners,
      ({ path }) => path,
    ),
  }
  const deleted = new Set([
    ...plan.guardrails.delete.map(({ name }) => `guardrail ${name}`),
    ...plan.policies.delete.map(({ name }) => `policy ${name}`),
    ...plan.owners.delete.map(({ path }) => `owner ${path}`),
  ])
  const isDeclared = new Set([
    ...(declared.policies ?? []).map(({ name }) => `policy ${name}`),
    ...(declared.models ?? []).map(({ name }) => `model ${name}`),
    ...(declared.owners ?? []).map(({ path }) => `owner ${path}`),
  ])
  const goes = new Set([...deleted, ...plan.models.delete.map(({ name }) => `model ${name}`)])
  const broken = (references: readonly Reference[]) =>
    references.filter(({ wants, entry }) => !known[wants].has(entry))
  return {
    faults: broken(referencesIn(declared)).map((reference) => ({
      kind: reference.kind,
      name: reference.name,
      field: reference.field,
      entry: reference.entry,
      words: sentence(reference, deleted.has(`${reference.wants} ${reference.entry}`)),
    })),
    conflicts: broken(referencesIn(stored))
      .filter((reference) => !isDeclared.has(holderOf(reference)) && !goes.has(holderOf(reference)))
      .map(({ wants, entry, kind, name }) => `${wants} ${entry} is named by ${kind} ${name}`),
  }
}

type Reference = Readonly<{
  kind: ObjectKind
  name: string
  field: string
  wants: 'guardrail' | 'policy' | 'owner'
  entry: string
}>
type Known = Readonly<Record<Reference['wants'], ReadonlySet<string>>>

const holderOf = ({ kind, name }: Pick<Reference, 'kind' | 'name'>): string => `${kind} ${name}`

const referencesIn = ({ policies, models, owners }: DeclaredState): readonly Reference[] => [
  ...(policies ?? []).flatMap(({ name, guardrails }) => toGuardrails('policy', name, guardrails)),
  ...(models ?? []).flatMap(({ name, guardrails }) => toGuardrails('model', name, guardrails)),
  ...(owners ?? []).flatMap(({ path, rules }) => [
    ...toGuardrails('owner', path, rules.guardrails),
    ...rules.policies.map((entry) => ({
      kind: 'owner' as const,
      name: path,
      field: 'policies',
      wants: 'policy' as const,
      entry,
    })),
    ...toParent(path),
  ]),
]

const toGuardrails = (kind: ObjectKind, name: string, names: readonly string[]): readonly Reference[] =>
  names.map((entry) => ({ kind, name, field: 'guardrails', wants: 'guardrail', entry }))

const toParent = (path: string): readonly Reference[] => {
  const end = path.lastIndexOf('/')
  return end < 0
    ? []
    : [{ kind: 'owner', name: path, field: 'path', wants: 'owner', entry: path.slice(0, end) }]
}

const namesAfter = <T>(
  stored: readonly string[],
  changes: Changes<T>,
  nameOf: (object: T) => string,
): ReadonlySet<string> => {
  const gone = new Set(changes.delete.map(nameOf))
  return new Set([...stored.filter((name) => !gone.has(name)), ...changes.create.map(nameOf)])
}

const sentence = ({ wants, entry }: Reference, isDeleted: boolean): string =>
  isDeleted
    ? `${wants} ${JSON.stringify(entry)} would be deleted, because no section states it`
    : `${wants} ${JSON.stringify(entry)} does not exist`
