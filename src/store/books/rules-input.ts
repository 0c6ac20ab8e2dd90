// Rules as people give them: checked, without duplicates, and every name in them known.
import { Rejection } from '../../kernel/failure.ts'
import { parseName } from '../../kernel/name.ts'
import { isModelName } from '../../policy/glob.ts'
import type { PolicyRules, Rules } from '../../policy/policy.ts'
import type { DatabaseTransaction } from '../schema.ts'
import type { WriteScope } from './book-database.ts'
import { distinct } from './distinct.ts'
import { lockRegistry } from './locks.ts'
import { parseRestrictions } from './restrictions-input.ts'

export const parseRules = (rules: Rules): Rules => ({
  ...parsePolicyRules(rules),
  policies: parseNames('policy', rules.policies),
})

export const parsePolicyRules = (rules: PolicyRules): PolicyRules => ({
  ...parseRestrictions(rules),
  models: rules.models === undefined ? undefined : parseModels(rules.models),
  deniedModels: parseModels(rules.deniedModels),
  guardrails: parseNames('guardrail', rules.guardrails),
})

/** Only fields present in `change` change. */
export const mergeRules = (rules: Rules, change: Partial<Rules>): Rules => parseRules({ ...rules, ...change })

const parseModels = (models: readonly string[]): readonly string[] => {
  for (const model of models) parseModelName(model)
  return distinct('models', models)
}

export const parseModelName = (name: string): string => {
  if (isModelName(name)) return name
  throw new Rejection(
    'invalid',
    `model name ${JSON.stringify(name.slice(0, 128))} must be 1 to 256 visible ASCII characters without comma`,
  )
}

export const parseNames = (what: 'policy' | 'guardrail', names: readonly string[]): readonly string[] => {
  for (const name of names) parseName(what, name)
  return distinct(what === 'policy' ? 'policies' : 'guardrails', names)
}

/**
 * Throws not_found for a policy or guardrail that does not exist. Holds the registry until the end of the transaction, so
 * that a name cannot be deleted while it is being given to somebody.
 */
export const requireRegistered = async (
  scope: WriteScope,
  named: Readonly<{ policies: readonly string[]; guardrails: readonly string[] }>,
): Promise<void> => {
  if (named.policies.length === 0 && named.guardrails.length === 0) return
  await lockRegistry(scope)
  await requireNames(scope.tx, 'policy', new Set(named.policies))
  await requireNames(scope.tx, 'guardrail', new Set(named.guardrails))
}

const requireNames = async (
  tx: DatabaseTransaction,
  table: 'policy' | 'guardrail',
  names: ReadonlySet<string>,
): Promise<void> => {
  if (names.size === 0) return
  const rows = await tx.selectFrom(table).select('name').execute()
  const known = new Set(rows.map(({ name }) => name))
  for (const name of names)
    if (!known.has(name)) throw new Rejection('not_found', `${table} ${JSON.stringify(name)} does not exist`)
}

/** For many at once, of which each shall hear what it names that does not exist. Holds the registry as above. */
export const lockAndReadNames = async (
  scope: WriteScope,
  all: readonly Pick<Rules, 'policies' | 'guardrails'>[],
): Promise<Readonly<{ missingIn(rules: Pick<Rules, 'policies' | 'guardrails'>): string | undefined }>> => {
  if (all.every(({ policies, guardrails }) => policies.length + guardrails.length === 0))
    return { missingIn: () => undefined }
  await lockRegistry(scope)
  const names = async (table: 'policy' | 'guardrail') =>
    new Set((await scope.tx.selectFrom(table).select('name').execute()).map(({ name }) => name))
  const known = { policy: await names('policy'), guardrail: await names('guardrail') }
  const missing = (what: 'policy' | 'guardrail', wanted: readonly string[]) => {
    const name = wanted.find((each) => !known[what].has(each))
    return name === undefined ? undefined : `${what} ${JSON.stringify(name)} does not exist`
  }
  return {
    missingIn: ({ policies, guardrails }) => missing('policy', policies) ?? missing('guardrail', guardrails),
  }
}
