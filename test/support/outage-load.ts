// Requests through Envoy at a fixed rate, whatever becomes of them: answers that take long do not slow the asking down.
import { Agent, request } from 'node:http'

export type Answer = Readonly<{
  kind: string
  /** Of the load's own phases, when it was sent. */
  phase: string
  status: number
  /** Of the error in the body; empty when there is none. */
  code: string
  retryAfter: string | undefined
  /** performance.now() */
  sentMs: number
  answeredMs: number
}>

export type OutageLoad = Readonly<{
  answers: readonly Answer[]
  /** What is sent from now on belongs to it. */
  enter(phase: string): void
  /** Sends nothing more; resolves when everything was answered. */
  stop(): Promise<void>
}>

type Options = Readonly<{
  port: number
  perSecond: number
  /** Asked for each request. */
  next: () => Readonly<{ kind: string; secret: string }>
}>

const TICK_MS = 10
const BODY = JSON.stringify({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Hello' }] })

export const startOutageLoad = ({ port, perSecond, next }: Options): OutageLoad => {
  const agent = new Agent({ keepAlive: true })
  const answers: Answer[] = []
  const underWay = new Set<Promise<void>>()
  const beganMs = performance.now()
  let phase = 'healthy'
  let sent = 0
  const send = () => {
    const { kind, secret } = next()
    const asked = { kind, phase, sentMs: performance.now() }
    const answered = post(port, agent, secret).then((answer) => {
      answers.push({ ...asked, ...answer, answeredMs: performance.now() })
      underWay.delete(answered)
    })
    underWay.add(answered)
  }
  const timer = setInterval(() => {
    const due = ((performance.now() - beganMs) / 1_000) * perSecond
    for (; sent < due; sent += 1) send()
  }, TICK_MS)
  return {
    answers,
    enter: (next) => {
      phase = next
    },
    stop: async () => {
      clearInterval(timer)
      await Promise.all(underWay)
      agent.destroy()
    },
  }
}

type Told = Pick<Answer, 'status' | 'code' | 'retryAfter'>

/** A connection that breaks is an answer too, of status 0. */
const post = (port: number, agent: Agent, secret: string): Promise<Told> =>
  new Promise((resolve) => {
    const headers = {
      authorization: `Bearer ${secret}`,
      'content-type': 'application/json',
      'content-length': BODY.length,
    }
    const options = { port, host: '127.0.0.1', agent, method: 'POST', path: '/v1/chat/completions', headers }
    request(options, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (text) => (body += text))
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          code: codeOf(body),
          retryAfter: response.headers['retry-after'],
        }),
      )
    })
      .on('error', (error) => resolve({ status: 0, code: error.message, retryAfter: undefined }))
      .end(BODY)
  })

const codeOf = (body: string): string => {
  try {
    const { error } = JSON.parse(body) as { error?: { code?: string } }
    return error?.code ?? ''
  } catch {
    return `no JSON: ${body.slice(0, 80)}`
  }
}
