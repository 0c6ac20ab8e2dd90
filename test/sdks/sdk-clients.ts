// The clients of the official SDKs, and the class that each gives to a refusal.

export type Api = 'openai' | 'azure' | 'anthropic' | 'google'

export type SdkClient = Readonly<{
  sdk: 'JavaScript' | 'openai.py' | 'anthropic.py' | 'google-genai.py'
  client: string
  api: Api
  /** By HTTP status. */
  classes: Readonly<Record<number, string>>
  /** Google's retry only when told, and then by status alone. */
  retries: 'when asked' | 'never' | 'by status'
}>

const OPENAI = {
  400: 'BadRequestError',
  401: 'AuthenticationError',
  403: 'PermissionDeniedError',
  429: 'RateLimitError',
  500: 'InternalServerError',
  503: 'InternalServerError',
}
const OPENAI_JS = { ...OPENAI, 413: 'APIError' }
const OPENAI_PY = { ...OPENAI, 413: 'APIStatusError' }

const ANTHROPIC = { ...OPENAI, 413: 'ContentTooLargeError', 503: 'ServiceUnavailableError' }

const STATUSES = [400, 401, 403, 413, 429, 500, 503]
const GOOGLE_JS = Object.fromEntries(STATUSES.map((status) => [status, 'ApiError']))
const GOOGLE_PY = Object.fromEntries(
  STATUSES.map((status) => [status, status < 500 ? 'ClientError' : 'ServerError']),
)

const asked = { retries: 'when asked' } as const

export const SDK_CLIENTS: readonly SdkClient[] = [
  { sdk: 'JavaScript', client: 'OpenAI', api: 'openai', classes: OPENAI_JS, ...asked },
  { sdk: 'JavaScript', client: 'AzureOpenAI', api: 'azure', classes: OPENAI_JS, ...asked },
  { sdk: 'JavaScript', client: 'OpenAI at /openai/v1', api: 'openai', classes: OPENAI_JS, ...asked },
  { sdk: 'JavaScript', client: 'Anthropic', api: 'anthropic', classes: ANTHROPIC, ...asked },
  { sdk: 'JavaScript', client: 'GoogleGenAI', api: 'google', classes: GOOGLE_JS, retries: 'never' },
  { sdk: 'JavaScript', client: 'GoogleGenAI', api: 'google', classes: GOOGLE_JS, retries: 'by status' },
  { sdk: 'openai.py', client: 'OpenAI', api: 'openai', classes: OPENAI_PY, ...asked },
  { sdk: 'openai.py', client: 'OpenAI at /openai/v1', api: 'openai', classes: OPENAI_PY, ...asked },
  { sdk: 'openai.py', client: 'AsyncOpenAI', api: 'openai', classes: OPENAI_PY, ...asked },
  { sdk: 'openai.py', client: 'AzureOpenAI', api: 'azure', classes: OPENAI_PY, ...asked },
  { sdk: 'openai.py', client: 'AsyncAzureOpenAI', api: 'azure', classes: OPENAI_PY, ...asked },
  { sdk: 'anthropic.py', client: 'Anthropic', api: 'anthropic', classes: ANTHROPIC, ...asked },
  { sdk: 'anthropic.py', client: 'AsyncAnthropic', api: 'anthropic', classes: ANTHROPIC, ...asked },
  { sdk: 'google-genai.py', client: 'Client', api: 'google', classes: GOOGLE_PY, retries: 'never' },
  { sdk: 'google-genai.py', client: 'Client', api: 'google', classes: GOOGLE_PY, retries: 'by status' },
  { sdk: 'google-genai.py', client: 'Client.aio', api: 'google', classes: GOOGLE_PY, retries: 'never' },
]

export const MODEL_OF: Readonly<Record<Api, string>> = {
  openai: 'gpt-4o-mini',
  azure: 'gpt-4o-mini',
  anthropic: 'claude-haiku-4-5',
  google: 'gemini-2.5-flash',
}
