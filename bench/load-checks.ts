// A process of its own that asks Checks over gRPC as fast as they are answered, with a fixed number in flight.
import { randomUUID } from 'node:crypto'
import { createSecrets, DEFAULT_SECRET_FORMATS } from '../src/keys/secret.ts'
import { aChatCheck } from './chat-check.ts'
import type { CheckConnection } from './check-connection.ts'
import { openCheckConnection } from './check-connection.ts'
import { runLoadProgram } from './load-program.ts'

export type CheckLoad = Readonly<{
  /** `unix:PATH` */
  address: string
  /** The secret of all Checks; undefined: for each a fresh well-formed one that nobody created. */
  secret: string | undefined
  inFlight: number
  warmMs: number
  measureMs: number
}>

export type CheckLoadResult = Readonly<{ warm: Counted; measured: Counted }>

type Counted = Readonly<{
  checks: number
  seconds: number
  /** How many answers had which gRPC status in the CheckResponse: 0 is an Allow. */
  statuses: Readonly<Record<string, number>>
}>

runLoadProgram(async (load: CheckLoad) => {
  const connection = await openCheckConnection(load.address.replace('unix:', ''))
  const next = questions(load.secret)
  return async (): Promise<CheckLoadResult> => {
    const warm = await keepAsking(connection, next, load.inFlight, load.warmMs)
    const measured = await keepAsking(connection, next, load.inFlight, load.measureMs)
    connection.close()
    return { warm, measured }
  }
})

/** Encoded beforehand, so that this process spends little beside the one that is measured; each asks with its own id. */
const questions = (secret: string | undefined): (() => Buffer) => {
  const ready = Array.from({ length: secret === undefined ? 50_000 : 1 }, () =>
    aChatCheck({ secret: secret ?? secrets.mint(), id: PLACE_OF_ID }),
  )
  let asked = 0
  return () => {
    const question = Buffer.from(ready[asked++ % ready.length] ?? [])
    question.write(randomUUID(), question.indexOf(PLACE_OF_ID), 'latin1')
    return question
  }
}

/** Counts what was answered between the first question and the last answer. */
const keepAsking = async (
  connection: CheckConnection,
  next: () => Buffer,
  inFlight: number,
  forMs: number,
): Promise<Counted> => {
  const statuses: Record<string, number> = {}
  let checks = 0
  const startedMs = performance.now()
  const ask = async () => {
    const status = await connection.ask(next())
    statuses[status] = (statuses[status] ?? 0) + 1
    checks += 1
  }
  const keep = async () => {
    while (performance.now() - startedMs < forMs) await ask()
  }
  await Promise.all(Array.from({ length: inFlight }, keep))
  return { checks, seconds: (performance.now() - startedMs) / 1000, statuses }
}

const PLACE_OF_ID = '00000000-0000-0000-0000-000000000000'
const secrets = createSecrets(DEFAULT_SECRET_FORMATS)
