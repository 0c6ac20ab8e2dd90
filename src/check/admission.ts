// May this request pass, whatever it costs: path, network, hour, model and guardrails. Step six of a Check.
import type { VirtualKey } from '../keys/virtual-key.ts'
import { unenforcedGuardrail } from '../policy/guardrail.ts'
import type { Model } from '../policy/model-catalogue.ts'
import type { Requirements } from '../policy/policy.ts'
import { admitsModel, requirementsOf } from '../policy/policy.ts'
import type { Registry } from '../policy/registry.ts'
import type { AuthRequest } from './auth-request.ts'
import type { Deny, Listing } from './decision.ts'
import { deny, isDeny } from './decision.ts'
import { modelDemand } from './model-demand.ts'
import type { ModelPath } from './model-path.ts'
import { modelPathOf } from './model-path.ts'
import { quoted } from './quoted.ts'
import { observeModel, requireModel } from './request-model.ts'
import type { RestrictionDeps, Tell } from './restricted.ts'
import { denyOverride, denyPath, denyRestricted } from './restricted.ts'
import type { ShadowDeps } from './shadow.ts'
import { isShadowed, mayShadow } from './shadow.ts'
import type { KnownKey } from './usable-key.ts'

export type Admission = Readonly<{
  outcome: 'admitted'
  requirements: Requirements
  model: string | undefined
  route: string | undefined
  /** False for what passes upstream without using a unit. */
  charged: boolean
  /** Shadow mode: why it would not have been admitted. */
  wouldDeny: Deny | undefined
}>

export type AdmissionDeps = RestrictionDeps &
  ShadowDeps &
  Readonly<{
    /** Lower-case name of a header that repeats the body's model, or undefined. */
    modelHeader: string | undefined
  }>

/** Everything that a refusal can come from before a unit is spent; a Listing is answered in Envoy's stead. */
export const admit = (
  request: AuthRequest,
  known: KnownKey,
  deps: AdmissionDeps,
  tell?: Tell,
): Admission | Listing | Deny => {
  const requirements = requirementsFor(known.key, known.registry)
  if (requirements.unresolved !== undefined)
    return denyUnresolved(known.key, `${requirements.unresolved} is not registered`)
  const asked = { request, known, path: modelPathOf(request) }
  const admitted = admitUnder(requirements, asked, deps, tell)
  if (isDeny(admitted))
    return isShadowed(admitted, known.key, deps) ? pass(asked, requirements, admitted, deps, tell) : admitted
  if (requirements.shadow === undefined) return admitted
  const wouldBe = admitUnder(requirements.shadow, asked, deps)
  if (!isDeny(wouldBe) || !mayShadow(wouldBe)) return admitted
  if (isShadowed(wouldBe, known.key, deps)) return { ...admitted, ...UNCHARGED, wouldDeny: wouldBe }
  // Charged all the same: the policy is on trial, the limits are not, and whoever it would refuse must not pass for nothing.
  return { ...admitted, wouldDeny: wouldBe }
}

const UNCHARGED = { charged: false }

type Asked = Readonly<{ request: AuthRequest; known: KnownKey; path: ModelPath | undefined }>

const admitUnder = (
  requirements: Requirements,
  asked: Asked,
  deps: AdmissionDeps,
  tell?: Tell,
): Admission | Listing | Deny => {
  const { request, known, path } = asked
  const { key, registry } = known
  const { restrictions, needsModel } = requirements
  if (needsModel || path?.kind === 'listing' || restrictions?.paths !== undefined) {
    const overridden = denyOverride(request, key)
    if (overridden !== undefined) return overridden
  }
  if (restrictions !== undefined) {
    const refused = denyRestricted(request, key, restrictions, deps, tell)
    if (refused !== undefined) return refused
  }
  if (path?.kind === 'listing') return listModels(request, known, requirements, path.model)
  const demand = modelDemand(asked, requirements)
  if (demand === 'other_path') return denyPath(request, key)
  const find = demand === 'required' ? requireModel : observeModel
  const found = find(request, path, deps.modelHeader)
  if (isDeny(found)) return { ...found, key }
  const { model } = found
  const routed = model === undefined ? undefined : registry.catalogue.match(model)
  if (needsModel && model !== undefined && !isAllowed(model, routed, requirements, registry))
    return denyModel(key, model)
  tell?.('model', () => (needsModel ? `model ${model ?? 'none'} is allowed` : 'no rule about models'))
  return guarded(request, known, requirements, { model, routed, charged: true }, tell)
}

/** Uncharged, with what can be told of it; but a guardrail that nobody runs keeps it out all the same. */
const pass = (
  { request, known, path }: Asked,
  requirements: Requirements,
  wouldDeny: Deny,
  deps: AdmissionDeps,
  tell?: Tell,
): Admission | Listing | Deny => {
  const { catalogue } = known.registry
  if (path?.kind === 'listing' && !catalogue.isEmpty) {
    const { model } = path
    const models = catalogue.exactNames.filter((name) => admitsModel(requirements, name))
    const listing = { outcome: 'listing', key: known.key, wouldDeny } as const
    return model === undefined ? { ...listing, models } : { ...listing, models: [model], one: true }
  }
  const { model } = path?.kind === 'listing' ? NO_MODEL : observeModel(request, path, deps.modelHeader)
  const routed = model === undefined ? undefined : catalogue.match(model)
  const passed = guarded(request, known, requirements, { model, routed, charged: false }, tell)
  return isDeny(passed) ? passed : { ...passed, wouldDeny }
}

const NO_MODEL = { model: undefined }

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
  tell?: Tell,
): Admission | Deny => {
  const missing = unenforcedGuardrail(requirements.guardrails, routed, request.declaredGuardrails, registry)
  if (missing !== undefined)
    return denyUnresolved(key, `guardrail ${missing} is enforced by no upstream of this request`)
  const route = routed?.route
  tell?.('guardrails', () => `${requirements.guardrails.join(', ') || 'none'}; route ${route ?? 'none'}`)
  return { outcome: 'admitted', requirements, model, route, charged, wouldDeny: undefined }
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
