// Whose SDK sent this request, told by its path: the shape in which a refusal or a listing is answered.
import type { AuthRequest } from './auth-request.ts'
import type { ClientShape } from './decision.ts'
import { resourcePathOf } from './resource-path.ts'

/**
 * On paths that several providers use, `anthropic-version` means Anthropic and Google's own headers mean Google. Whatever is unknown
 * gets OpenAI's shape.
 */
export const clientShapeOf = ({ path, headers }: Pick<AuthRequest, 'path' | 'headers'>): ClientShape => {
  const resource = resourcePathOf(path)
  if (isAtOrBelow(resource, '/v1/messages')) return 'anthropic'
  if (GOOGLE_PATH.test(resource)) return isAtOrBelow(resource, '/v1beta/openai') ? 'openai' : 'google'
  if (!SHARED_PATH.test(resource)) return 'openai'
  if (headers.has('anthropic-version')) return 'anthropic'
  return GOOGLE_HEADERS.some((name) => headers.has(name)) ? 'google' : 'openai'
}

const isAtOrBelow = (path: string, parent: string): boolean =>
  path === parent || path.startsWith(`${parent}/`)

/** Versions that nobody else has, uploads, and the live API. */
const GOOGLE_PATH = /^\/(?:v1(?:beta|alpha)\/|upload\/v1(?:beta|alpha)?\/|ws\/google\.)/

/** What more than one of them has, or another than OpenAI, below the version that all have. */
const SHARED_PATH = /^\/v1\/(?:models|files|batches|skills|cachedContents|operations|tunedModels)(?:\/|$)/

/** Google's SDKs send both. */
const GOOGLE_HEADERS = ['x-goog-api-key', 'x-goog-api-client']
