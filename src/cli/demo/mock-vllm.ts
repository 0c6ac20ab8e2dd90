// Answers like a vLLM server that runs the guardrails Latchkey names, and tells in its answer what it was told.
import { openaiShaped } from './mock-openai.ts'
import type { MockAnswer, ReceivedRequest } from './received-request.ts'
import { headerLines } from './received-request.ts'

/** Each x-latchkey-… header that arrived comes back as x-echo-latchkey-…; `pii-mask` masks mail addresses. */
export const vllmAnswer = (request: ReceivedRequest): MockAnswer => {
  const guardrails = headerLines(request, 'x-latchkey-guardrails').join(',').split(',')
  const masks = guardrails.includes('pii-mask')
  const answer = openaiShaped(request, (chat) => {
    const said = masks ? chat.said.replace(MAIL_ADDRESS, '[masked]') : chat.said
    return `This is the vLLM-shaped mock, as ${chat.model}. You said: ${said}`
  })
  return { ...answer, headers: echoOf(request) }
}

const MAIL_ADDRESS = /[\w.+-]+@[\w-]+(\.[\w-]+)+/g

const echoOf = (request: ReceivedRequest): Record<string, string> =>
  Object.fromEntries(
    request.headers
      .filter(([name]) => name.toLowerCase().startsWith('x-latchkey-'))
      .map(([name, value]) => [`x-echo-${name.toLowerCase().slice(2)}`, value]),
  )
