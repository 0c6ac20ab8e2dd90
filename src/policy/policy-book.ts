// The management port for what has a registered name: policies, guardrails and models.
import type { Model } from './model-catalogue.ts'
import type { Policy } from './policy.ts'

/** What is left out is not restricted. */
export type PolicyDraft = Pick<Policy, 'name'> & Partial<Omit<Policy, 'name' | 'version'>>

/** Every method validates its input, throws Rejection when it cannot be done, and changes all of it or nothing. */
export type PolicyBook = Readonly<{
  /** Guardrails named by a policy must exist. */
  createPolicy(draft: PolicyDraft): Promise<Policy>
  /** Only fields present in `change` change; `models: undefined` present lifts the restriction. */
  updatePolicy(name: string, change: Omit<PolicyDraft, 'name'>): Promise<Policy>
  /** Refused with conflict while a key or owner names it. */
  deletePolicy(name: string): Promise<void>
  listPolicies(): Promise<readonly Policy[]>

  createGuardrail(name: string): Promise<void>
  /** Refused with conflict while a key, owner, policy or model names it. */
  deleteGuardrail(name: string): Promise<void>
  listGuardrails(): Promise<readonly string[]>

  /** `name` is 1 to 256 visible ASCII characters without comma; `*` makes it a glob. Guardrails must exist. */
  createModel(model: Model): Promise<Model>
  updateModel(name: string, change: Partial<Omit<Model, 'name'>>): Promise<Model>
  deleteModel(name: string): Promise<void>
  listModels(): Promise<readonly Model[]>
}>
