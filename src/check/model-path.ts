// Which requests name a model, and where: told by method and path, which are bytes and never parsed as a URL.
import type { AuthRequest } from './auth-request.ts'
import { resourcePathOf } from './resource-path.ts'

export type ModelPath =
  /** The top-level `model` of a JSON body. */
  | Readonly<{ kind: 'body' }>
  /** A part of the path; a body may repeat it. */
  | Readonly<{ kind: 'path'; model: string }>
  /** A parameter of the query; what follows is no body that anybody reads here. */
  | Readonly<{ kind: 'query'; parameter: string }>
  /** Asks which models there are, or what is known of one. */
  | Readonly<{ kind: 'listing'; model: string | undefined }>

/** Undefined for every other request, and for one that spells such a path in any other way. */
export const modelPathOf = (
  request: Pick<AuthRequest, 'method' | 'path' | 'headers'>,
): ModelPath | undefined => {
  const { method } = request
  if (method === 'POST') {
    const resource = resourcePathOf(request.path)
    const found = BODY_PATHS.has(resource) ? IN_BODY : modelInPath(resource)
    // What is sent once the protocol was switched is seen by nobody.
    return found === undefined || request.headers.has('upgrade') ? undefined : found
  }
  if (method !== 'GET') return undefined
  const found = readingPath(resourcePathOf(request.path))
  return found?.kind === 'listing' && request.headers.has('upgrade') ? undefined : found
}

const IN_BODY: ModelPath = { kind: 'body' }

/** Whether bodies sent there name a model, whatever the method and however the path is spelt where a rule about paths let it through. */
export const isBodyPath = (resource: string): boolean => {
  const folded = resource.toLowerCase()
  return BODY_PATHS.has(folded.endsWith('/') ? folded.slice(0, -1) : folded)
}

/** Whether an upstream may find a model in this path of a form that is not known here. */
export const mayNameModel = (resource: string): boolean => MODEL_IN_PATH.test(resource)

const MODEL_IN_PATH = /:|\/(?:models?|tunedModels|deployments|engines)\//i

/** OpenAI's own paths, Azure's of the same form, and Google's that are made for OpenAI's SDKs. */
const OPENAI_BASES = ['/v1', '/openai/v1', '/v1beta/openai']
const OPENAI_PATHS = [
  '/chat/completions',
  '/completions',
  '/embeddings',
  '/responses',
  '/responses/compact',
  '/responses/input_tokens',
  '/moderations',
  '/images/generations',
  '/audio/speech',
]
const BODY_PATHS = new Set([
  ...OPENAI_BASES.flatMap((base) => OPENAI_PATHS.map((path) => base + path)),
  '/openai/responses',
  '/v1/messages',
  '/v1/messages/count_tokens',
])

// Nothing that anybody would decode, split or fold: no percent sign, slash, colon or semicolon, and no dot in front.
const NAME = '[A-Za-z0-9][A-Za-z0-9._-]{0,255}'

/** https://ai.google.dev/api/all-methods: those that answer at once, with the model that the path names. */
const GOOGLE_METHODS = [
  'generateContent',
  'streamGenerateContent',
  'countTokens',
  'embedContent',
  'batchEmbedContents',
  'predict',
  'predictLongRunning',
]
const GOOGLE_PATH = new RegExp(`^/v1(?:beta|alpha)?/models/(${NAME}):(?:${GOOGLE_METHODS.join('|')})$`)

/** https://learn.microsoft.com/azure/ai-services/openai/reference: those whose body is JSON. */
const AZURE_PATH = new RegExp(
  `^/openai/deployments/(${NAME})/(?:chat/completions|completions|embeddings|images/generations|audio/speech)$`,
)

const modelInPath = (resource: string): ModelPath | undefined => {
  const model = (GOOGLE_PATH.exec(resource) ?? AZURE_PATH.exec(resource))?.[1]
  return model === undefined ? undefined : { kind: 'path', model }
}

const LISTING: ModelPath = { kind: 'listing', model: undefined }
const LISTINGS = new Set([
  '/v1/models',
  '/openai/v1/models',
  '/v1beta/models',
  '/v1alpha/models',
  '/v1beta/openai/models',
])

/** A tuned model of OpenAI's has colons in its name. */
const ONE_MODEL = new RegExp(
  `^/(?:v1|openai/v1|v1beta|v1alpha|v1beta/openai)/models/(${NAME}|ft:[A-Za-z0-9._:-]{1,253})$`,
)

/** Realtime sessions, which begin as a GET: https://platform.openai.com/docs/guides/realtime-websocket */
const REALTIME: ReadonlyMap<string, ModelPath> = new Map([
  ['/v1/realtime', { kind: 'query', parameter: 'model' }],
  ['/openai/v1/realtime', { kind: 'query', parameter: 'model' }],
  ['/openai/realtime', { kind: 'query', parameter: 'deployment' }],
])

const readingPath = (resource: string): ModelPath | undefined => {
  if (LISTINGS.has(resource)) return LISTING
  const model = ONE_MODEL.exec(resource)?.[1]
  return model === undefined ? REALTIME.get(resource) : { kind: 'listing', model }
}
