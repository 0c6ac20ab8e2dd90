// Sends requests on time whatever the answers do, as a crowd of clients would, and counts what came of them.
import { Agent, request } from 'node:http'
import { text } from 'node:stream/consumers'

export type OpenLoop = Readonly<{
  /** Requests sent so far. */
  sent(): number
  /** Sends no more and waits for every answer. */
  stop(): Promise<LoopResult>
}>

export type LoopResult = Readonly<{
  sent: number
  /** By status, with what was said beside anything but 200, or by the words of the error when there was none. */
  answers: Readonly<Record<string, number>>
  slowestMs: number
  /** How late the latest requests went out: longer than a few milliseconds, the machine had no time for this either. */
  latestMs: number
}>

export type LoopRequest = Readonly<{
  path: string
  headers: Readonly<Record<string, string>>
  body: string
}>

/** Every `perSecond` of a second one more POST is due; those that are late go out together. `next` makes the nth. */
export const startOpenLoop = (
  port: number,
  perSecond: number,
  next: (nth: number) => LoopRequest,
): OpenLoop => {
  const agent = new Agent({ keepAlive: true })
  const answers: Record<string, number> = {}
  const waiting = new Set<Promise<void>>()
  const beganMs = performance.now()
  let sent = 0
  let slowestMs = 0
  let latestMs = 0
  const send = async (one: LoopRequest) => {
    const sentMs = performance.now()
    const answer = await statusOf(agent, port, one).catch((error: Error) => error.message)
    answers[answer] = (answers[answer] ?? 0) + 1
    slowestMs = Math.max(slowestMs, performance.now() - sentMs)
  }
  const sendDue = () => {
    const elapsedMs = performance.now() - beganMs
    const due = Math.floor((elapsedMs / 1_000) * perSecond)
    if (sent < due) latestMs = Math.max(latestMs, elapsedMs - ((sent + 1) / perSecond) * 1_000)
    for (; sent < due; sent += 1) {
      const one = send(next(sent))
      waiting.add(one)
      void one.then(() => waiting.delete(one))
    }
  }
  const timer = setInterval(sendDue, TICK_MS)
  return {
    sent: () => sent,
    stop: async () => {
      clearInterval(timer)
      await Promise.all(waiting)
      agent.destroy()
      return { sent, answers, slowestMs, latestMs }
    },
  }
}

const TICK_MS = 5

/** Longer than Envoy lets a Check take with all its retries: a request without an answer by then is lost. */
const LOST_AFTER_MS = 20_000

const statusOf = (agent: Agent, port: number, { path, headers, body }: LoopRequest): Promise<string> =>
  new Promise((resolve, reject) => {
    const sent = request(
      { agent, host: '127.0.0.1', port, method: 'POST', path, headers, timeout: LOST_AFTER_MS },
      (response) => {
        const { statusCode } = response
        if (statusCode === 200) response.resume().on('end', () => resolve('200'))
        else text(response).then((said) => resolve(`${statusCode} ${said.slice(0, 200)}`), reject)
        response.on('error', reject)
      },
    )
    sent.on('timeout', () => sent.destroy(new Error('no answer'))).on('error', reject)
    sent.end(body)
  })
