// Makes a store for a measurement: one owner, the keys and models that it needs. Nobody serves it yet.
import { createClock } from '../src/kernel/clock.ts'
import { createSecrets, DEFAULT_SECRET_FORMATS, digestSecret, hintOf } from '../src/keys/secret.ts'
import type { Model } from '../src/policy/model-catalogue.ts'
import { NO_RULES } from '../src/policy/policy.ts'
import type { LimitDraft } from '../src/quota/limit-book.ts'
import { openStore } from '../src/store/store.ts'

/** The secrets of the keys, one for each list of limits, in order. */
export const prepareStore = async (
  url: string,
  { keys, models = [] }: Readonly<{ keys: readonly (readonly LimitDraft[])[]; models?: readonly Model[] }>,
): Promise<readonly string[]> => {
  const { mint } = createSecrets(DEFAULT_SECRET_FORMATS)
  const store = await openStore({ url, clock: createClock() })
  try {
    await store.migrate()
    await store.ownerBook.createOwner('bench', NO_RULES)
    for (const model of models) await store.policyBook.createModel(model)
    const drafts = keys.map((limits) => ({ secret: mint(), limits }))
    await store.keyBook.createKeys(
      drafts.map(({ secret, limits }) => ({
        name: 'bench',
        ownerPath: 'bench',
        digest: digestSecret(secret),
        hint: hintOf(secret),
        notBeforeMs: undefined,
        expiresAtMs: undefined,
        rules: NO_RULES,
        limits,
      })),
    )
    return drafts.map(({ secret }) => secret)
  } finally {
    await store.close()
  }
}
