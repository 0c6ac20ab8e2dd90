// The official JavaScript SDKs, in this process, as their documentation uses them: nothing is set but where to ask and with which key.
import Anthropic, { APIError as AnthropicError } from '@anthropic-ai/sdk'
import { ApiError, GoogleGenAI } from '@google/genai'
import OpenAI, { AzureOpenAI, APIError as OpenAIError } from 'openai'
import type { SdkCall, SdkError, SdkOutcome, SdkRunner } from './sdk-call.ts'
import { CASE_HEADER } from './sdk-call.ts'

export const javascriptSdks: SdkRunner = {
  run: (calls) => Promise.all(calls.map(outcomeOf)),
  close: async () => {},
}

const outcomeOf = async (call: SdkCall): Promise<SdkOutcome> => {
  const ask = CLIENTS[call.client]
  if (ask === undefined) throw new Error(`no client ${call.client}`)
  try {
    return { name: call.name, answer: await ask(call) }
  } catch (error) {
    return { name: call.name, error: describe(error) }
  }
}

/** Resolves with the text that the model said. */
type Ask = (call: SdkCall) => Promise<string>

const namesOf = async <T>(pages: AsyncIterable<T>, nameOf: (model: T) => string | undefined) => {
  const names: (string | undefined)[] = []
  for await (const model of pages) names.push(nameOf(model))
  return names.join(',')
}

const defaultHeaders = ({ name }: SdkCall) => ({ [CASE_HEADER]: name })

const askOpenAi = async (client: OpenAI, { how, model, said }: SdkCall): Promise<string> => {
  const request = { model, messages: [{ role: 'user' as const, content: said }] }
  if (how === 'models') return namesOf(client.models.list(), ({ id }) => id)
  if (how === 'model') return (await client.models.retrieve(model)).id
  if (how === 'files') return namesOf(client.files.list(), ({ id }) => id)
  if (how === 'response') return (await client.responses.create({ model, input: said })).output_text
  if (how === 'response, streamed')
    return (await client.responses.stream({ model, input: said }).finalResponse()).output_text
  if (how === 'embedding') {
    const { data } = await client.embeddings.create({ model, input: said, encoding_format: 'float' })
    return data[0]?.embedding.join(',') ?? ''
  }
  if (how === 'whole') {
    const { choices } = await client.chat.completions.create(request)
    return choices[0]?.message.content ?? ''
  }
  let text = ''
  for await (const { choices } of await client.chat.completions.create({ ...request, stream: true }))
    text += choices[0]?.delta.content ?? ''
  return text
}

const askAnthropic: Ask = async (call) => {
  const { how, url, secret, model, said } = call
  const client = new Anthropic({ baseURL: url, apiKey: secret, defaultHeaders: defaultHeaders(call) })
  const request = { model, max_tokens: 100, messages: [{ role: 'user' as const, content: said }] }
  if (how === 'models') return namesOf(client.models.list(), ({ id }) => id)
  if (how === 'model') return (await client.models.retrieve(model)).id
  if (how === 'files') return namesOf(client.beta.files.list(), ({ id }) => id)
  if (how === 'tokens') {
    const { input_tokens } = await client.messages.countTokens({ model, messages: request.messages })
    return String(input_tokens)
  }
  const { content } =
    how === 'whole'
      ? await client.messages.create(request)
      : await client.messages.stream(request).finalMessage()
  return content.map((part) => (part.type === 'text' ? part.text : '')).join('')
}

const askGoogle: Ask = async (call) => {
  const { how, url, secret, model, said, retries } = call
  const httpOptions = {
    baseUrl: url,
    headers: defaultHeaders(call),
    ...(retries ? { retryOptions: { attempts: 2 } } : {}),
  }
  const { models, files } = new GoogleGenAI({ apiKey: secret, httpOptions })
  const request = { model, contents: said }
  if (how === 'models') return namesOf(await models.list(), ({ name }) => name)
  if (how === 'model') return (await models.get({ model })).name ?? ''
  if (how === 'files') return namesOf(await files.list(), ({ name }) => name)
  if (how === 'tokens') return String((await models.countTokens(request)).totalTokens)
  if (how === 'embedding')
    return (await models.embedContent(request)).embeddings?.[0]?.values?.join(',') ?? ''
  if (how === 'whole') return (await models.generateContent(request)).text ?? ''
  let text = ''
  for await (const chunk of await models.generateContentStream(request)) text += chunk.text ?? ''
  return text
}

const CLIENTS: Readonly<Record<string, Ask>> = {
  OpenAI: (call) =>
    askOpenAi(
      new OpenAI({ baseURL: `${call.url}/v1`, apiKey: call.secret, defaultHeaders: defaultHeaders(call) }),
      call,
    ),
  'OpenAI at /openai/v1': (call) =>
    askOpenAi(
      new OpenAI({
        baseURL: `${call.url}/openai/v1`,
        apiKey: call.secret,
        defaultHeaders: defaultHeaders(call),
      }),
      call,
    ),
  AzureOpenAI: (call) =>
    askOpenAi(
      new AzureOpenAI({
        endpoint: call.url,
        apiKey: call.secret,
        apiVersion: '2024-10-21',
        defaultHeaders: defaultHeaders(call),
      }),
      call,
    ),
  Anthropic: askAnthropic,
  GoogleGenAI: askGoogle,
}

const describe = (error: unknown): SdkError => {
  if (!(error instanceof Error)) throw new Error(`something was thrown that is no error: ${String(error)}`)
  const name = { class: error.constructor.name, message: error.message }
  if (error instanceof OpenAIError) return { ...name, ...shown(error, error.code) }
  if (error instanceof AnthropicError) return { ...name, ...shown(error, error.errorCode) }
  const nothing = { status: null, code: null, type: null, requestId: null }
  return error instanceof ApiError
    ? { ...name, ...nothing, status: error.status, type: googleStatus(error.message) }
    : { ...name, ...nothing }
}

type Shown = Readonly<{
  status?: number | undefined
  type?: string | null | undefined
  requestID?: string | null | undefined
}>

const shown = ({ status, type, requestID }: Shown, code: string | null | undefined) => ({
  status: status ?? null,
  code: code ?? null,
  type: type ?? null,
  requestId: requestID ?? null,
})

/** The SDK gives the body as the message of the error. */
const googleStatus = (message: string): string | null => /"status":"([A-Z_]+)"/.exec(message)?.[1] ?? null
