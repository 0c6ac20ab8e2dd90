// The registry's one row: everything registered as one document, so that a look-up brings it whole or not at all.
import { sql } from 'kysely'
import type { Model } from '../../policy/model-catalogue.ts'
import type { Policy } from '../../policy/policy.ts'
import type { RegistryDocument } from '../../policy/registry.ts'
import { listFromJson, policyRulesFromColumns } from '../rules-columns.ts'
import type { Database, DatabaseTransaction } from '../schema.ts'

/** The transaction holds the row's lock already: versions grow in the order of commits. */
export const writeRegistry = async (tx: DatabaseTransaction): Promise<void> => {
  const document: RegistryDocument = {
    policies: await readPolicies(tx),
    guardrails: await readGuardrails(tx),
    models: await readModels(tx),
  }
  await tx
    .updateTable('registry')
    .set({ version: sql<number>`version + 1`, document: JSON.stringify(document) })
    .where('id', '=', 1)
    .execute()
}

export const readPolicies = async (db: Database): Promise<readonly Policy[]> => {
  const rows = await db.selectFrom('policy').selectAll().orderBy('name').execute()
  return rows.map(({ name, version, shadow, ...columns }) => ({
    name,
    version,
    shadow: shadow !== 0,
    ...policyRulesFromColumns(columns),
  }))
}

export const readGuardrails = async (db: Database): Promise<readonly string[]> => {
  const rows = await db.selectFrom('guardrail').select('name').orderBy('name').execute()
  return rows.map(({ name }) => name)
}

export const readModels = async (db: Database): Promise<readonly Model[]> => {
  const rows = await db.selectFrom('model').selectAll().orderBy('name').execute()
  return rows.map(({ name, route, guardrails }) => ({ name, route, guardrails: listFromJson(guardrails) }))
}
