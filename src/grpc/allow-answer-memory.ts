// Remembers the templates of keys that were answered lately: a bounded number, and of a key a few.
import type { Allow } from '../check/decision.ts'
import type { AllowTemplate } from './allow-answer-template.ts'

export type AllowTemplates = (allow: Allow) => AllowTemplate

type Kept = Pick<Allow, 'model' | 'route' | 'guardrails' | 'policies'> & Readonly<{ template: AllowTemplate }>

/**
 * `create` is asked for an Allow that differs from those remembered of its key in model, route, guardrails or policies. At most twice
 * `maxTemplates` are remembered, by keys while somebody else holds them; those not asked for longest are forgotten first.
 */
export const createAllowTemplates = (
  create: AllowTemplates,
  { maxTemplates, maxPerKey }: Readonly<{ maxTemplates: number; maxPerKey: number }>,
): AllowTemplates => {
  let recent = new WeakMap<Allow['key'], Kept[]>()
  let older = new WeakMap<Allow['key'], Kept[]>()
  let remembered = 0
  const countOne = () => {
    remembered += 1
    if (remembered < maxTemplates) return
    remembered = 0
    older = recent
    recent = new WeakMap()
  }
  const keptOf = (key: Allow['key']): Kept[] => {
    const held = recent.get(key)
    if (held !== undefined) return held
    const kept = older.get(key) ?? []
    recent.set(key, kept)
    for (const _ of kept) countOne()
    return kept
  }
  return (allow) => {
    const kept = keptOf(allow.key)
    for (const each of kept) if (isLike(each, allow)) return each.template
    const template = create(allow)
    const { model, route, guardrails, policies } = allow
    if (kept.length >= maxPerKey) kept.shift()
    else countOne()
    kept.push({ model, route, guardrails, policies, template })
    return template
  }
}

/** Lists are joined once for a key and a registry: another list may hold other names. */
const isLike = (kept: Kept, allow: Allow): boolean =>
  kept.model === allow.model &&
  kept.route === allow.route &&
  kept.guardrails === allow.guardrails &&
  kept.policies === allow.policies
