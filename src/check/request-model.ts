// Which model a request asks for: what its body, path or query names, which a configured header may repeat but never replace.
import { isModelName } from '../policy/glob.ts'
import type { AuthRequest } from './auth-request.ts'
import type { Deny } from './decision.ts'
import { deny, isDeny } from './decision.ts'
import { stringAt } from './json-string.ts'
import { findModel } from './model-member.ts'
import type { ModelPath } from './model-path.ts'
import { modelOfQuery } from './query-model.ts'
import { quoted } from './quoted.ts'

export type RequestModel = Readonly<{ model: string | undefined }>

/**
 * The model, or why it cannot be told for certain. Used when a rule about models has to be decided. Where no path says where to look,
 * the body is looked at.
 */
export const requireModel = (
  request: AuthRequest,
  path: ModelPath | undefined,
  modelHeader: string | undefined,
): RequestModel | Deny => {
  const stated = statedModel(request, path)
  if (isDeny(stated)) return stated
  const named = modelOfHeader(request, modelHeader)
  if (isDeny(named)) return named
  if (named.model !== undefined && stated.model !== undefined && named.model !== stated.model)
    return deny(
      'model_conflict',
      `The model in header ${modelHeader} differs from the model in the ${path?.kind ?? 'body'}.`,
    )
  const model = stated.model ?? named.model
  return model === undefined ? deny('model_required', 'The request must name a model.') : { model }
}

/** The model if it can be told, for the headers and the trace; no rule depends on it. */
export const observeModel = (...asked: Parameters<typeof requireModel>): RequestModel => {
  const found = requireModel(...asked)
  return isDeny(found) ? { model: undefined } : found
}

const statedModel = (request: AuthRequest, path: ModelPath | undefined): RequestModel | Deny => {
  if (path?.kind === 'query') return modelOfQuery(request.path, path.parameter)
  const inBody = wholeBodyModel(request)
  if (path?.kind !== 'path' || isDeny(inBody)) return inBody
  const { model } = path
  if (inBody.model !== undefined && inBody.model !== model && inBody.model !== `models/${model}`)
    return deny('model_conflict', 'The model in the body differs from the model in the path.')
  return { model }
}

const wholeBodyModel = (request: AuthRequest): RequestModel | Deny => {
  const encoding = request.headers.get('content-encoding')
  if (encoding?.some((line) => line.toLowerCase() !== 'identity'))
    return deny('request_malformed', 'The request body must not be compressed here.')
  if (!request.bodyComplete)
    return deny('body_too_large', 'The request body is too large to decide which model it asks for.')
  return request.body.length === 0 ? { model: undefined } : modelOfBody(request.body)
}

const modelOfHeader = ({ headers }: AuthRequest, name: string | undefined): RequestModel | Deny => {
  const lines = name === undefined ? undefined : headers.get(name)
  if (lines === undefined) return { model: undefined }
  const [line] = lines
  if (lines.length > 1 || line === undefined) return deny('request_malformed', `Header ${name} is repeated.`)
  return checkedModel(line)
}

const checkedModel = (model: unknown): RequestModel | Deny => {
  if (typeof model !== 'string') return deny('request_malformed', 'The model must be a string.')
  if (isModelName(model)) return { model }
  return deny(
    'request_malformed',
    `The model ${quoted(model)} must be 1 to 256 visible ASCII characters without comma.`,
  )
}

const modelOfBody = (body: Uint8Array): RequestModel | Deny => {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  const found = findModel(bytes)
  if (found === undefined) return deny('request_malformed', 'The request body is not valid JSON.')
  if (!found.isObject) return deny('request_malformed', 'The request body must be a JSON object.')
  if (found.count === 0) return { model: undefined }
  // Parsers differ in which of two equal keys they keep, and some ignore case: such a body has no model for certain.
  if (found.count > 1) return deny('request_malformed', 'The request body names the model more than once.')
  if (found.name !== 'model') return deny('request_malformed', 'The key "model" must be spelt in lower case.')
  return checkedModel(stringAt(bytes, found.valueAt))
}
