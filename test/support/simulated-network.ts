// A network that delays, reorders, loses and repeats what passes between replicas and a table, when it is told to.
import { Failure } from '../../src/kernel/failure.ts'
import type { GroupRow } from '../../src/quota/group-writer.ts'

/** A statement on its way, and what became of it. It is at one place of its life until it is moved to the next. */
export type Packet = {
  readonly replica: number
  readonly deadlineMs: number
  /** What it charges; for a locked one known only once it was planned. */
  rows: readonly GroupRow[]
  /** Until then nothing of it reached the database. */
  begun: boolean
  /** An error says nothing of its effect: it may have happened, or happen later. */
  uncertain: boolean
  /** The database said that it had no effect, or can still say so; the writer tries once more. */
  retriable: boolean
  /** The reply is to say that it did not fit, whether or not it would. */
  refuted: boolean
  /** What it did charge. */
  charged: readonly GroupRow[]
  told: 'nothing' | 'done' | 'torn' | 'unknown' | 'failed'
}

/** `life` yields between two places. It must end by answering. */
export type Journey<Reply> = Readonly<{
  packet: Packet
  life(answer: (reply: Reply, told: 'done' | 'torn') => void): Iterator<unknown, unknown>
  /** It stops where it is, and leaves nothing behind. */
  abandon(): void
}>

type Traveller = {
  readonly packet: Packet
  step(): boolean
  restart(): void
  abandon(): void
  reject(failure: Failure): void
}

export type SimulatedNetwork = ReturnType<typeof createSimulatedNetwork>

export const createSimulatedNetwork = () => {
  const travelling: Traveller[] = []
  const journal: Packet[] = []
  let repeatLast = () => {}

  const at = (index: number): Traveller | undefined => travelling[index % travelling.length]

  const leave = (traveller: Traveller) => {
    traveller.abandon()
    travelling.splice(travelling.indexOf(traveller), 1)
  }

  const fail = (traveller: Traveller, told: 'unknown' | 'failed') => {
    traveller.packet.told = told
    traveller.reject(
      new Failure('store_unavailable', `the network ${told} this`, { chargeUnknown: told === 'unknown' }),
    )
  }

  /** What was sent goes on by itself: it may take effect long after its sender gave it up. */
  const lose = (traveller: Traveller) => {
    const { told, uncertain } = traveller.packet
    if (told !== 'nothing') return
    fail(traveller, uncertain ? 'unknown' : 'failed')
    if (!uncertain) leave(traveller)
  }

  const move = (traveller: Traveller, steps: number) => {
    for (let step = 0; step < steps; step += 1) if (traveller.step()) return leave(traveller)
  }

  return {
    journal: journal as readonly Packet[],
    get size() {
      return travelling.length
    },
    send: <Reply>({ packet, life, abandon }: Journey<Reply>): Promise<Reply> => {
      const isWaiting = ({ packet: { replica, told } }: Traveller) =>
        replica === packet.replica && told === 'nothing'
      if (travelling.some(isWaiting)) throw new Error('a replica has one statement in flight')
      const { promise, resolve, reject } = Promise.withResolvers<Reply>()
      const answer = (reply: Reply, told: 'done' | 'torn') => {
        // A reply that comes late, or twice, finds nobody who waits for it.
        if (packet.told === 'nothing') packet.told = told
        repeatLast = () => resolve(reply)
        resolve(reply)
      }
      let journey = life(answer)
      const restart = () => {
        journey = life(answer)
      }
      const step = () => journey.next().done === true
      travelling.push({ packet, step, restart, abandon, reject })
      journal.push(packet)
      return promise
    },
    /** Lets one packet go on by so many places. */
    move: (index: number, steps: number) => {
      const traveller = at(index)
      if (traveller !== undefined) move(traveller, steps)
    },
    moveAll: () => {
      for (const traveller of [...travelling]) move(traveller, 1)
    },
    /** The reply never comes. */
    lose: (index: number) => {
      const traveller = at(index)
      if (traveller !== undefined) lose(traveller)
    },
    /** No connection: only what has not begun can learn that. */
    refuse: (index: number) => {
      const traveller = at(index)
      if (traveller === undefined || traveller.packet.begun || traveller.packet.told !== 'nothing') return
      fail(traveller, 'failed')
      leave(traveller)
    },
    /** Something without effect went wrong, and the writer tries once more. */
    falter: (index: number) => {
      const traveller = at(index)
      if (traveller === undefined) return
      const { retriable, charged, told } = traveller.packet
      if (!retriable || charged.length > 0 || told !== 'nothing') return
      traveller.abandon()
      traveller.restart()
    },
    refute: (index: number) => {
      const traveller = at(index)
      if (traveller !== undefined) traveller.packet.refuted = true
    },
    /** Of those whose sender gave them up: what did not happen yet never will. */
    forget: (index: number) => {
      const traveller = at(index)
      if (traveller !== undefined && traveller.packet.told !== 'nothing') leave(traveller)
    },
    repeat: () => repeatLast(),
    /** Time passed: who waited too long gives up. */
    expire: (nowMs: (replica: number) => number) => {
      for (const traveller of [...travelling])
        if (nowMs(traveller.packet.replica) >= traveller.packet.deadlineMs) lose(traveller)
    },
  }
}
