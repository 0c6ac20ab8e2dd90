// Must a request name a model, may it, or is it none of those that a rule about models lets through?
import type { Requirements } from '../policy/policy.ts'
import { namesPath } from '../policy/restrictions.ts'
import type { AuthRequest } from './auth-request.ts'
import type { ModelPath } from './model-path.ts'
import { isBodyPath, mayNameModel } from './model-path.ts'
import { resourcePathOf } from './resource-path.ts'

/**
 * Under a rule about models only paths that name one pass, and those that a rule about paths admits: without a model where it names the
 * path itself, or nothing is sent; where only a star admits the path, the body must name one all the same. What an upstream may take for
 * another request to a model is none of these, nor is a change of protocols that nobody named.
 */
export const modelDemand = (
  { request, path }: Readonly<{ request: AuthRequest; path: ModelPath | undefined }>,
  { needsModel, restrictions }: Requirements,
): 'required' | 'observed' | 'other_path' => {
  if (!needsModel) return 'observed'
  if (path !== undefined) return 'required'
  const paths = restrictions?.paths
  if (paths === undefined || paths.allowed.length === 0) return 'other_path'
  const { method, headers } = request
  const target = { method, path: resourcePathOf(request.path) }
  const isNamed = namesPath(paths, target)
  if (headers.has('upgrade')) return isNamed && method === 'GET' ? 'observed' : 'other_path'
  if (sendsNothing(request) && (isNamed || !mayNameModel(target.path))) return 'observed'
  if (isBodyPath(target.path)) return 'required'
  if (isNamed) return 'observed'
  return mayNameModel(target.path) ? 'other_path' : 'required'
}

const BODILESS = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS'])

/** A body that Envoy does not show is not complete. */
const sendsNothing = ({ method, body, bodyComplete }: AuthRequest): boolean =>
  BODILESS.has(method) && bodyComplete && body.length === 0
