// A process of its own that asks Checks over gRPC on time, whatever the answers do, as a crowd of clients behind one Envoy does.
import { randomUUID } from 'node:crypto'
import { constants, setPriority } from 'node:os'
import { CheckRequest } from '../src/grpc/gen/envoy/service/auth/v3/external_auth.ts'
import { createSecrets, DEFAULT_SECRET_FORMATS } from '../src/keys/secret.ts'
import { aCheckRequest } from '../test/support/check-requests.ts'
import type { CheckConnection } from './check-connection.ts'
import { openCheckConnection } from './check-connection.ts'
import { runLoadProgram } from './load-program.ts'

export type OpenLoad = Readonly<{
  /** `unix:PATH` */
  address: string
  /** The secret of all Checks; undefined: for each a fresh well-formed one that nobody created. */
  secret: string | undefined
  perSecond: number
  forMs: number
  /** As Envoy's: what is not answered by then is reset. */
  timeoutMs: number
  /** As `max_requests` of Envoy's circuit breaker: one more is refused there, and never sent. */
  maxInFlight: number
  /** Before what else runs on its core, as if it had one of its own: what it measures is not how long it waited itself. Where it may. */
  first?: boolean
}>

export type OpenLoadResult = Readonly<{
  sent: number
  refusedByCaller: number
  /** How many answers had which gRPC status in the CheckResponse; `late` for those that were given up. */
  statuses: Readonly<Record<string, number>>
  p50Ms: number
  p99Ms: number
}>

const TICK_MS = 2

runLoadProgram(async (load: OpenLoad) => {
  if (load.first === true) goFirst()
  const connection = await openCheckConnection(load.address.replace('unix:', ''), load)
  const next = questions(load)
  return async () => {
    const result = await askOnTime(connection, next, load)
    connection.close()
    return result
  }
})

/** Only root may; anybody else measures what the machine lets him. */
const goFirst = () => {
  try {
    setPriority(constants.priority.PRIORITY_HIGHEST)
  } catch {}
}

const askOnTime = async (
  connection: CheckConnection,
  next: () => Buffer,
  { perSecond, forMs, maxInFlight }: OpenLoad,
): Promise<OpenLoadResult> => {
  const statuses: Record<string, number> = {}
  const tookMs: number[] = []
  const waiting = new Set<Promise<void>>()
  let due = 0
  let refusedByCaller = 0
  const ask = async () => {
    const askedMs = performance.now()
    const status = await connection.ask(next())
    tookMs.push(performance.now() - askedMs)
    statuses[status] = (statuses[status] ?? 0) + 1
  }
  const askDue = (elapsedMs: number) => {
    for (const until = (Math.min(elapsedMs, forMs) / 1_000) * perSecond; due < until; due += 1) {
      if (waiting.size >= maxInFlight) {
        refusedByCaller += 1
        continue
      }
      const one = ask().finally(() => waiting.delete(one))
      waiting.add(one)
    }
  }
  const beganMs = performance.now()
  const over = Promise.withResolvers<void>()
  const timer = setInterval(() => {
    const elapsedMs = performance.now() - beganMs
    askDue(elapsedMs)
    if (elapsedMs >= forMs) over.resolve()
  }, TICK_MS)
  await over.promise
  clearInterval(timer)
  await Promise.all(waiting)
  tookMs.sort((a, b) => a - b)
  const at = (part: number) => tookMs[Math.floor(tookMs.length * part)] ?? Number.NaN
  return { sent: due - refusedByCaller, refusedByCaller, statuses, p50Ms: at(0.5), p99Ms: at(0.99) }
}

/** Encoded beforehand, so that this process spends little beside the one that is measured; each asks with its own id. */
const questions = ({ secret, perSecond, forMs }: OpenLoad): (() => Buffer) => {
  const { mint } = createSecrets(DEFAULT_SECRET_FORMATS)
  const encoded = (one: string) =>
    CheckRequest.encode(
      aCheckRequest({ id: PLACE_OF_ID, headers: [['authorization', `Bearer ${one}`]], body: BODY }),
    ).finish()
  const count = secret === undefined ? Math.ceil((perSecond * forMs) / 1_000) + 1 : 1
  const ready = Array.from({ length: count }, () => encoded(secret ?? mint()))
  let asked = 0
  return () => {
    const question = Buffer.from(ready[asked++ % ready.length] ?? [])
    question.write(randomUUID(), question.indexOf(PLACE_OF_ID), 'latin1')
    return question
  }
}

const PLACE_OF_ID = '00000000-0000-0000-0000-000000000000'
const BODY = JSON.stringify({
  model: 'gpt-4o-mini',
  messages: [{ role: 'user', content: 'What is a latchkey?' }],
})
