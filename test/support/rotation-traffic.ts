// Clients that go over from one secret of a key to the next while they work, and what each replica answers to either.
import type { CheckClient } from './check-client.ts'
import { summarise } from './check-client.ts'
import { aCheckRequest } from './check-requests.ts'

/** `old`: before the rotation. `both`: in turn. `new`: all have gone over. */
export type Using = 'old' | 'both' | 'new'

export type SecretSeen = {
  admitted: number
  /** Answers that are no Allow, whatever they say; `atMs` is of Date.now(), when it arrived. */
  refused: Readonly<{ reason: string; atMs: number }>[]
  /** Of performance.now(), when the last Allow arrived and the first refusal. */
  admittedAtMs: number | undefined
  refusedAtMs: number | undefined
  /** Admitted though it was sent after a refusal had come back. */
  admittedAgain: number
}

export type RotationTraffic = Readonly<{
  use(keyId: string, secrets: Readonly<{ old: string; new?: string }>, using: Using): void
  /** Since this was asked last; waits for the answers that are under way. One for each replica. */
  seen(keyId: string): Promise<Readonly<{ old: readonly SecretSeen[]; new: readonly SecretSeen[] }>>
  stop(): Promise<number>
}>

type Aim = {
  secrets: Readonly<{ old: string; new?: string }>
  using: Using
  turn: number
  old: SecretSeen[]
  new: SecretSeen[]
  waiting: Set<Promise<void>>
}

const TICK_MS = 2

/** `perSecond`: of each key at each replica. */
export const startRotationTraffic = (clients: readonly CheckClient[], perSecond: number): RotationTraffic => {
  const aims = new Map<string, Aim>()
  const beganMs = performance.now()
  let rounds = 0
  let sent = 0

  const fresh = (): SecretSeen[] =>
    clients.map(() => ({
      admitted: 0,
      refused: [],
      admittedAtMs: undefined,
      refusedAtMs: undefined,
      admittedAgain: 0,
    }))
  const ask = async (client: CheckClient, secret: string, seen: SecretSeen) => {
    sent += 1
    const sentMs = performance.now()
    const headers = [['authorization', `Bearer ${secret}`]] as const
    const reason = await client.check(aCheckRequest({ headers })).then(
      (response) => summarise(response).reason,
      (error: Error) => error.message,
    )
    if (reason === 'allow') {
      seen.admitted += 1
      seen.admittedAtMs = performance.now()
      if (seen.refusedAtMs !== undefined && sentMs > seen.refusedAtMs) seen.admittedAgain += 1
    } else {
      seen.refused.push({ reason, atMs: Date.now() })
      seen.refusedAtMs ??= performance.now()
    }
  }
  const askAll = (aim: Aim) => {
    aim.turn += 1
    const which = aim.using === 'both' ? (aim.turn % 2 === 0 ? 'old' : 'new') : aim.using
    const secret = aim.secrets[which]
    if (secret === undefined) return
    for (const [place, client] of clients.entries()) {
      const seen = aim[which][place]
      if (seen === undefined) continue
      const one = ask(client, secret, seen).finally(() => aim.waiting.delete(one))
      aim.waiting.add(one)
    }
  }
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - beganMs) / 1_000) * perSecond)
    for (; rounds < due; rounds += 1) for (const aim of aims.values()) askAll(aim)
  }, TICK_MS)
  const settled = (aim: Aim) => Promise.all(aim.waiting)
  return {
    use(keyId, secrets, using) {
      const aim = aims.get(keyId)
      if (aim === undefined)
        aims.set(keyId, { secrets, using, turn: 0, old: fresh(), new: fresh(), waiting: new Set() })
      else Object.assign(aim, { secrets, using })
    },
    async seen(keyId) {
      const aim = aims.get(keyId)
      if (aim === undefined) throw new Error('nobody uses this key')
      const told = { old: aim.old, new: aim.new }
      await settled(aim)
      Object.assign(aim, { old: fresh(), new: fresh() })
      return told
    },
    async stop() {
      clearInterval(timer)
      await Promise.all([...aims.values()].map(settled))
      return sent
    },
  }
}
