// May this request pass, whatever it costs: model, path, route and guardrails. Step six of a Check. Pure.
import type { VirtualKey } from '../keys/virtual-key.ts'
import { unenforcedGuardrail } from '../policy/guardrail.ts'
import type { Model } from '../policy/model-catalogue.ts'
import type { Requirements } from '../policy/policy.ts'
import { admitsModel, requirementsOf } from '../policy/policy.ts'
import type { Registry } from '../policy/registry.ts'
import type { AuthRequest } from './auth-request.ts'
import type { Deny, Listing } from './decision.ts'
import { deny, isDeny } from './decision.ts'
import { modelPathOf } from './model-path.ts'
import { quoted } from './quoted.ts'
import { observeModel, requireModel } from './request-model.ts'
import type { KnownKey } from './usable-key.ts'

export type Admission = Readonly<{
  outcome: 'admitted'
  requirements: Requirements
  model: string | undefined
  route: string | undefined
  /** False for what passes upstream without using a unit. */
  charged: boolean
}>

/** Everything that a refusal can come from before a unit is spent; a Listing is answered in Envoy's stead. */
export const admit = (
  request: AuthRequest,
  known: KnownKey,
  modelHeader: string | undefined,
): Admission | Listing | Deny => {
  const { key, registry } = known
  const requirements = requirementsFor(key, registry)
  if (requirements.unresolved !== undefined)
    return denyUnresolved(key, `${requirements.unresolved} is not registered`)
  const path = modelPathOf(request)
  if (path?.kind === 'listing') return listModels(request, known, requirements, path.model)
  if (requirements.needsModel && path === undefined)
    return deny(
      'path_not_allowed',
      `${quoted(`${request.method} ${request.path}`)} is not allowed for this API key.`,
      { key },
    )
  const found = requirements.needsModel
    ? requireModel(request, path, modelHeader)
    : observeModel(request, path, modelHeader)
  if (isDeny(found)) return { ...found, key }
  const { model } = found
  const routed = model === undefined ? undefined : registry.catalogue.match(model)
  if (requirements.needsModel && model !== undefined && !isAllowed(model, routed, requirements, registry))
    return denyModel(key, model)
  return guarded(request, known, requirements, { model, routed, charged: true })
}

const memo = new WeakMap<VirtualKey, { registry: Registry; requirements: Requirements }>()

/** Joined once for a key and a registry, not for each request. */
const requirementsFor = (key: VirtualKey, registry: Registry): Requirements => {
  const held = memo.get(key)
  if (held !== undefined && held.registry === registry) return held.requirements
  const requirements = requirementsOf([key.rules, ...key.owners.map(({ rules }) => rules)], registry)
  memo.set(key, { registry, requirements })
  return requirements
}

/** A guardrail that nobody on the way runs must not be promised. */
const guarded = (
  request: AuthRequest,
  { key, registry }: KnownKey,
  requirements: Requirements,
  { model, routed, charged }: { model: string | undefined; routed: Model | undefined; charged: boolean },
): Admission | Deny => {
  const missing = unenforcedGuardrail(requirements.guardrails, routed, request.declaredGuardrails, registry)
  if (missing !== undefined)
    return denyUnresolved(key, `guardrail ${missing} is enforced by no upstream of this request`)
  return { outcome: 'admitted', requirements, model, route: routed?.route, charged }
}

const isAllowed = (
  model: string,
  routed: Model | undefined,
  requirements: Requirements,
  registry: Registry,
): boolean => (registry.catalogue.isEmpty || routed !== undefined) && admitsModel(requirements, model)

const denyUnresolved = (key: VirtualKey, detail: string): Deny =>
  deny('policy_unresolved', 'A policy of this API key cannot be applied; its operator has been told.', {
    key,
    detail,
  })

const denyModel = (key: VirtualKey, model: string): Deny =>
  deny('model_not_allowed', `The model ${quoted(model)} is not allowed for this API key.`, { key })

/** Answered here from the catalogue; without one the upstream knows, and nothing is charged either way. */
const listModels = (
  request: AuthRequest,
  known: KnownKey,
  requirements: Requirements,
  one: string | undefined,
): Admission | Listing | Deny => {
  const { key, registry } = known
  const { isEmpty, exactNames } = registry.catalogue
  if (one !== undefined && requirements.needsModel) {
    if (!isAllowed(one, registry.catalogue.match(one), requirements, registry)) return denyModel(key, one)
    if (!isEmpty) return { outcome: 'listing', key, models: [one], one: true }
  }
  if (isEmpty)
    return guarded(request, known, requirements, { model: undefined, routed: undefined, charged: false })
  const models = exactNames.filter((model) => admitsModel(requirements, model))
  return { outcome: 'listing', key, models }
}
