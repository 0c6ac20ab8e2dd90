// Which guardrails a request must carry, and whether the upstream it goes to runs them.
import type { Model } from './model-catalogue.ts'
import type { Registry } from './registry.ts'

/**
 * The first guardrail that is required but that nobody on the way enforces, or undefined when all are. Where the
 * catalogue chooses the route, its entry says what the upstream enforces; elsewhere only the Envoy route itself can declare it
 * (Check sees the route that matched before our headers choose another one, so a declaration counts for nothing then).
 */
export const unenforcedGuardrail = (
  required: readonly string[],
  routed: Model | undefined,
  declaredByEnvoy: readonly string[] | undefined,
  registry: Registry,
): string | undefined => {
  const enforced = registry.catalogue.isEmpty ? (declaredByEnvoy ?? []) : (routed?.guardrails ?? [])
  return required.find((name) => !enforced.includes(name))
}
