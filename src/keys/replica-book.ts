// Who serves, and up to which change each of them has applied all.

export type Replica = Readonly<{
  id: string
  /** For people: host and process. */
  name: string
  /** Every change up to this number is applied there. */
  position: number
  /** How long after a change that it was not told of it may still serve what was right before, milliseconds. */
  servesMs: number
}>

/** Throws Failure when the store does not answer. */
export type ReplicaBook = Readonly<{
  /** Heard of from now on, or again. */
  confirm(replica: Replica): Promise<void>
  /** It serves no more. */
  leave(id: string): Promise<void>
  /** Those heard of at `sinceMs` or later, UTC milliseconds. */
  heardSince(sinceMs: number): Promise<readonly Replica[]>
}>
