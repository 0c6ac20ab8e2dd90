// The verbs of the book of the whole configuration, as those of the others stand in book-verbs.ts.
import type { DeclaredState, StateBook } from '../../src/keys/declared-state.ts'
import { NO_RULES } from '../../src/policy/policy.ts'
import type { Ground, Verb } from './book-verbs.ts'

const YES = { prune: false, dryRun: false }

const limited = ({ path }: Ground, policies: readonly string[]): DeclaredState => ({
  guardrails: undefined,
  policies: [],
  models: undefined,
  owners: [
    {
      path,
      disabled: undefined,
      rules: { ...NO_RULES, models: ['m'], policies },
      labels: {},
      limits: [{ unit: 'requests', period: 'hour', zone: 'UTC', amount: 1 }],
    },
  ],
})

export const STATE_BOOK: Readonly<Record<keyof StateBook, Verb | 'reads'>> = {
  applyState: {
    carryOut: (ground) =>
      ground.store.stateBook.applyState(
        { ...limited(ground, [ground.policy]), guardrails: [ground.fresh] },
        YES,
      ),
    changes: ({ ownerId }) => [{ kind: 'owner', id: ownerId }, { kind: 'registry' }],
    refused: (ground) => ground.store.stateBook.applyState(limited(ground, ['no-such']), YES),
  },
  readState: 'reads',
}
