// Makes keys and the limits above them in an empty store; what a Check of each of them charges.
import { createCall } from '../src/kernel/call.ts'
import { createClock } from '../src/kernel/clock.ts'
import { createSecrets, DEFAULT_SECRET_FORMATS, digestSecret, hintOf } from '../src/keys/secret.ts'
import type { VirtualKey } from '../src/keys/virtual-key.ts'
import { NO_RULES } from '../src/policy/policy.ts'
import type { LimitDraft } from '../src/quota/limit-book.ts'
import type { Period, Quota } from '../src/quota/quota.ts'
import { openStore } from '../src/store/store.ts'

export type QuotaPlans = readonly (readonly Quota[])[]

/** Each key has limits of its own; each team, of which the keys are dealt out in turn; and the organisation above them. */
export type Holders = Readonly<{
  keys: number
  teams: number
  onKey: readonly Period[]
  onTeam: readonly Period[]
  onOrganisation: readonly Period[]
}>

const LOOK_UP_TIMEOUT_MS = 20_000
const ORGANISATION = 'bench'

export const prepareQuotas = async (url: string, holders: Holders): Promise<QuotaPlans> => {
  const { keys, teams, onKey, onTeam, onOrganisation } = holders
  const { mint } = createSecrets(DEFAULT_SECRET_FORMATS)
  const store = await openStore({ url, clock: createClock() })
  const limit = async (subject: string, periods: readonly Period[]) => {
    for (const period of periods) await store.limitBook.createLimit(subject, neverReached(period))
  }
  const team = (at: number) => `${ORGANISATION}/${at % teams}`
  try {
    await store.migrate()
    for (let at = 0; at < teams; at += 1) {
      await store.ownerBook.createOwner(team(at), NO_RULES, { withParents: true })
      await limit(team(at), onTeam)
    }
    await limit(ORGANISATION, onOrganisation)
    const drafts = Array.from({ length: keys }, (_, at) => {
      const secret = mint()
      const validity = { notBeforeMs: undefined, expiresAtMs: undefined }
      const limits = onKey.map(neverReached)
      const digest = digestSecret(secret)
      return {
        name: 'bench',
        ownerPath: team(at),
        digest,
        hint: hintOf(secret),
        ...validity,
        rules: NO_RULES,
        limits,
      }
    })
    await store.keyBook.createKeys(drafts)
    const plans: (readonly Quota[])[] = []
    for (const { digest } of drafts) {
      const call = createCall(performance.now() + LOOK_UP_TIMEOUT_MS)
      plans.push(chargedBy((await store.keyStore.find(digest, -1, call)).key))
    }
    return plans
  } finally {
    await store.close()
  }
}

const neverReached = (period: Period): LimitDraft => ({
  unit: 'requests',
  period,
  zone: 'UTC',
  amount: 1_000_000_000,
})

const chargedBy = (key: VirtualKey | undefined): readonly Quota[] => {
  if (key === undefined) throw new Error('a key that was created is not there')
  return [...key.quotas, ...key.owners.flatMap(({ quotas }) => quotas)]
}
