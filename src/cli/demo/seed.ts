// What the demo's store holds: an owner, a guardrail, models of four providers, and three keys.
import { createSecrets, DEFAULT_SECRET_FORMATS, digestSecret, hintOf } from '../../keys/secret.ts'
import type { Rules } from '../../policy/policy.ts'
import { NO_RULES } from '../../policy/policy.ts'
import type { LimitDraft } from '../../quota/limit-book.ts'
import type { Store } from '../../store/store.ts'

/** The secrets of the three keys. */
export type DemoKeys = Readonly<{ unlimited: string; limited: string; guarded: string }>

export const DEMO_OWNER = 'acme/search'
export const DEMO_GUARDRAIL = 'pii-mask'
export const DEMO_LIMIT: LimitDraft = { unit: 'requests', period: 'day', zone: 'UTC', amount: 5 }

/** Names without `*` are those that GET /v1/models shows. */
const MODELS = [
  { name: 'gpt-4o-mini', route: 'openai', guardrails: [] },
  { name: 'gpt-4o*', route: 'openai', guardrails: [] },
  { name: 'claude-haiku-4-5', route: 'anthropic', guardrails: [] },
  { name: 'claude-*', route: 'anthropic', guardrails: [] },
  { name: 'gemini-*', route: 'gemini', guardrails: [] },
  { name: 'llama-3.1-8b', route: 'vllm', guardrails: [DEMO_GUARDRAIL] },
  { name: 'llama-*', route: 'vllm', guardrails: [DEMO_GUARDRAIL] },
]

export const seedDemo = async ({ ownerBook, policyBook, keyBook }: Store): Promise<DemoKeys> => {
  await ownerBook.createOwner(DEMO_OWNER, NO_RULES, { withParents: true })
  await policyBook.createGuardrail(DEMO_GUARDRAIL)
  for (const model of MODELS) await policyBook.createModel(model)
  const { mint } = createSecrets(DEFAULT_SECRET_FORMATS)
  const keys = { unlimited: mint(), limited: mint(), guarded: mint() }
  const draft = (name: keyof DemoKeys, rules: Partial<Rules>, limits: readonly LimitDraft[]) => ({
    name,
    ownerPath: DEMO_OWNER,
    digest: digestSecret(keys[name]),
    hint: hintOf(keys[name]),
    notBeforeMs: undefined,
    expiresAtMs: undefined,
    rules: { ...NO_RULES, ...rules },
    limits,
  })
  await keyBook.createKeys([
    draft('unlimited', {}, []),
    draft('limited', {}, [DEMO_LIMIT]),
    draft('guarded', { models: ['llama-*'], guardrails: [DEMO_GUARDRAIL] }, []),
  ])
  return keys
}
