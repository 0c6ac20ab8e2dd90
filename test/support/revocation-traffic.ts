// Checks on time at several replicas at once, whatever the answers do, and when each of them last admitted a key.
import type { CheckClient } from './check-client.ts'
import { summarise } from './check-client.ts'
import { aCheckRequest } from './check-requests.ts'

/** What one replica answered to a key. Instants are of performance.now(). */
export type Seen = {
  /** When its last Allow arrived here. */
  admittedAtMs: number | undefined
  /** When its first refusal arrived here. */
  refusedAtMs: number | undefined
  /** Checks that it admitted though they were sent after one that it had refused already. */
  admittedAgain: number
}

export type RevocationTraffic = Readonly<{
  /** From now on everybody asks with this secret; one entry for each replica. */
  aim(secret: string): readonly Seen[]
  /** Sends no more and waits for every answer. */
  stop(): Promise<Readonly<{ sent: number; seconds: number; otherAnswers: number }>>
}>

const TICK_MS = 2

/** Each client is asked `perSecond` times a second, one after the other in turn. */
export const startRevocationTraffic = (
  clients: readonly CheckClient[],
  perSecond: number,
): RevocationTraffic => {
  const beganMs = performance.now()
  const waiting = new Set<Promise<void>>()
  let target: Readonly<{ secret: string; seen: readonly Seen[] }> | undefined
  let sent = 0
  let otherAnswers = 0

  const ask = async (client: CheckClient, secret: string, seen: Seen) => {
    const sentMs = performance.now()
    const headers = [['authorization', `Bearer ${secret}`]] as const
    const reason = await client.check(aCheckRequest({ headers })).then(
      (response) => summarise(response).reason,
      (error: Error) => error.message,
    )
    if (reason === 'allow') {
      seen.admittedAtMs = performance.now()
      if (seen.refusedAtMs !== undefined && sentMs > seen.refusedAtMs) seen.admittedAgain += 1
    } else if (reason === 'invalid_key') seen.refusedAtMs ??= performance.now()
    else otherAnswers += 1
  }
  const sendDue = () => {
    const due = Math.floor(((performance.now() - beganMs) / 1_000) * perSecond * clients.length)
    for (; sent < due; sent += 1) {
      const place = sent % clients.length
      const [client, seen] = [clients[place], target?.seen[place]]
      if (client === undefined || seen === undefined || target === undefined) continue
      const one = ask(client, target.secret, seen)
      waiting.add(one)
      void one.then(() => waiting.delete(one))
    }
  }
  const timer = setInterval(sendDue, TICK_MS)
  return {
    aim: (secret) => {
      const seen = clients.map(
        (): Seen => ({ admittedAtMs: undefined, refusedAtMs: undefined, admittedAgain: 0 }),
      )
      target = { secret, seen }
      return seen
    },
    stop: async () => {
      clearInterval(timer)
      await Promise.all(waiting)
      return { sent, seconds: (performance.now() - beganMs) / 1_000, otherAnswers }
    },
  }
}
