// A request as a mock model server received it, and the answer it gives.

export type ProviderName = 'openai' | 'anthropic' | 'gemini' | 'vllm'

/** A request as it reached a provider: headers in order and as sent, name by name. */
export type ReceivedRequest = Readonly<{
  provider: ProviderName
  method: string
  path: string
  headers: readonly (readonly [name: string, value: string])[]
  body: Buffer
}>

/** Events are written one by one, each as a server-sent event. */
export type MockAnswer = Readonly<{
  status: number
  headers?: Readonly<Record<string, string>>
  json?: unknown
  events?: readonly string[]
}>

/** All lines of one header, in order. */
export const headerLines = (request: ReceivedRequest, name: string): string[] =>
  request.headers.filter(([header]) => header.toLowerCase() === name).map(([, value]) => value)
