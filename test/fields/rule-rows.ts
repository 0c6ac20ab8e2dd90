// Each rule, said of a key, of each owner above it, and by a policy that one of these has.
import { expect } from 'vitest'
import type { Row } from './row.ts'
import { trialRow } from './row.ts'
import type { RuleCase } from './rule-fields.ts'
import { RULE_FIELDS } from './rule-fields.ts'
import type { Holder } from './subjects.ts'
import { givePolicy, HOLDERS, newKey, newOwner, rulesOf, setRules } from './subjects.ts'

export const ruleRows = (): readonly Row[] => [AMBIGUOUS, ...fieldRows()]

const fieldRows = (): readonly Row[] =>
  Object.entries(RULE_FIELDS).flatMap(([field, cases]) =>
    cases.flatMap((one) => {
      const name = `rule ${field} (${one.of})`
      const held = HOLDERS.map((holder) => heldRow(`${name} of the ${holder}`, holder, one))
      // A policy names no other.
      if (field === 'policies') return held
      const inDraft = draftRow(`${name} in the draft of key and owner`, one)
      return [
        ...held,
        inDraft,
        ...HOLDERS.map((holder) => policyRow(`${name} by a policy of the ${holder}`, holder, one)),
      ]
    }),
  )

const heldRow = (name: string, holder: Holder, { reason, asked = {}, ...values }: RuleCase): Row =>
  trialRow(name, {
    reason,
    asked,
    begin: async (world, value) => {
      const key = await newKey(world)
      const set = (to: typeof value) => setRules(world, holder, key, values[to])
      await set(value)
      return { secret: key.secret, set }
    },
  })

const policyRow = (name: string, holder: Holder, { reason, asked = {}, ...values }: RuleCase): Row =>
  trialRow(name, {
    reason,
    asked,
    begin: async (world, value) => {
      const key = await newKey(world)
      const policy = await givePolicy(world, holder, key, values[value])
      const set = async (to: typeof value) => {
        await world.store.policyBook.updatePolicy(policy, values[to])
      }
      return { secret: key.secret, set }
    },
  })

/** What is said when it is made, not later. */
const draftRow = (name: string, { reason, asked = {}, ...values }: RuleCase): Row =>
  trialRow(name, {
    reason,
    asked,
    begin: async (world, value) => {
      const rules = rulesOf(values[value])
      // The one that admits is said of both; either refuses by itself.
      if (value === 'admits')
        return { secret: (await newKey(world, { rules, ownerPath: await newOwner(world, rules) })).secret }
      const { secret } = await newKey(world, { ownerPath: await newOwner(world, rules) })
      return { secret }
    },
  })

/** Refused although a rule admits every path: to a server it may be another. */
const ASKED = { path: '/v1/%63hat/completions' }
const AMBIGUOUS: Row = {
  name: 'rule paths, of one that servers read differently',
  grpcOnly: true,
  run: async (world) => {
    const { secret } = await newKey(world, { rules: rulesOf({ paths: ['*'] }) })
    expect(await world.ask(secret)).toMatchObject({ reason: 'allow' })
    expect(await world.ask(secret, ASKED)).toMatchObject({ status: 403, reason: 'path_not_allowed' })
  },
}
