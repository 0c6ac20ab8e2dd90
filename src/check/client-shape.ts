// Whose SDK sent this request, told by its path: the shape in which a refusal or a listing is answered.
import type { AuthRequest } from './auth-request.ts'
import type { ClientShape } from './decision.ts'
import { resourcePathOf } from './resource-path.ts'

/**
 * On paths that both providers use, `anthropic-version` means Anthropic. Whatever is unknown gets OpenAI's
 * shape.
 */
export const clientShapeOf = ({ path, headers }: Pick<AuthRequest, 'path' | 'headers'>): ClientShape => {
  const resource = resourcePathOf(path)
  if (isAtOrBelow(resource, '/v1/messages')) return 'anthropic'
  return isAtOrBelow(resource, '/v1/models') && headers.has('anthropic-version') ? 'anthropic' : 'openai'
}

const isAtOrBelow = (path: string, parent: string): boolean =>
  path === parent || path.startsWith(`${parent}/`)
