// A few connections, a bounded queue in front of them, first come first served, every wait with its own deadline.
import type { Call } from '../../kernel/call.ts'
import { assertAwaited } from '../../kernel/call.ts'
import type { Clock } from '../../kernel/clock.ts'
import { Failure } from '../../kernel/failure.ts'
import type { MysqlConnection } from './connection.ts'
import { messageOf } from './errors.ts'

export type ConnectionPool = Readonly<{
  /** Lends a connection to `work`. Throws Failure: overloaded, deadline_exceeded, store_unavailable. */
  use<T>(call: Call, work: (connection: MysqlConnection) => Promise<T>): Promise<T>
  /** The same in two halves; what was acquired must be released. */
  acquire(call: Call): Promise<MysqlConnection>
  release(connection: MysqlConnection): void
  /** Cuts idle connections that have not been heard of since then: the way to the database may have been lost. */
  doubt(sinceMs: number): void
  /** Waits for what is lent, then closes. Nothing is lent any more. */
  close(): Promise<void>
}>

export type PoolOptions = Readonly<{
  size: number
  /** Callers that may wait; one more is refused as overload. */
  queueLimit: number
  clock: Clock
  /** Opens a connection that is ready to be used. */
  open: () => Promise<MysqlConnection>
  /** A connection broke that was lent at this monotonic instant, and maybe not alone. */
  lost?: (sinceMs: number) => void
}>

type Waiter = Readonly<{
  call: Call
  timer: NodeJS.Timeout
  take: (connection: MysqlConnection) => void
  fail: (error: Failure) => void
}>

export const createConnectionPool = (options: PoolOptions): ConnectionPool => {
  const pool = new Pool(options)
  return {
    acquire: (call) => pool.acquire(call),
    release: (connection) => pool.release(connection),
    doubt: (sinceMs) => pool.doubt(sinceMs),
    use: async (call, work) => {
      const connection = await pool.acquire(call)
      try {
        return await work(connection)
      } finally {
        pool.release(connection)
      }
    },
    close: () => pool.close(),
  }
}

class Pool {
  readonly #options: PoolOptions
  readonly #idle: MysqlConnection[] = []
  readonly #lent = new Set<MysqlConnection>()
  /** Monotonic milliseconds at which each was lent, or came back in order. */
  readonly #heardMs = new WeakMap<MysqlConnection, number>()
  /** A set keeps the order of arrival, and lets one leave from the middle at no cost. */
  readonly #waiting = new Set<Waiter>()
  #opening = 0
  #closed = false
  #emptied: (() => void) | undefined

  constructor(options: PoolOptions) {
    this.#options = options
  }

  async acquire(call: Call): Promise<MysqlConnection> {
    assertAwaited(call, this.#options.clock)
    if (this.#closed) throw new Failure('store_unavailable', 'the store is closed')
    const idle = this.#waiting.size === 0 ? this.#takeIdle() : undefined
    if (idle !== undefined) return idle
    if (this.#waiting.size >= this.#options.queueLimit)
      throw new Failure('overloaded', `${this.#waiting.size} callers wait for the database already`)
    return this.#wait(call)
  }

  release(connection: MysqlConnection): void {
    this.#lent.delete(connection)
    const lentMs = this.#heardMs.get(connection)
    const broken = connection.isBroken()
    if (this.#closed) void connection.end().finally(() => this.#settle())
    else if (!broken) {
      this.#idle.push(connection)
      this.#heardMs.set(connection, this.#options.clock.monotonicMs())
    }
    if (broken && lentMs !== undefined) this.#options.lost?.(lentMs)
    this.#serve()
  }

  doubt(sinceMs: number): void {
    // Each is forgotten as it breaks.
    const silent = this.#idle.filter((connection) => (this.#heardMs.get(connection) ?? sinceMs) < sinceMs)
    for (const connection of silent) connection.destroy()
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const waiter of this.#waiting)
      this.#dismiss(waiter, new Failure('store_unavailable', 'the store is closing'))
    const emptied = Promise.withResolvers<void>()
    this.#emptied = emptied.resolve
    await Promise.all(this.#idle.splice(0).map((connection) => connection.end()))
    this.#settle()
    await emptied.promise
  }

  #takeIdle(): MysqlConnection | undefined {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      if (idle.isBroken()) continue
      this.#lent.add(idle)
      this.#heardMs.set(idle, this.#options.clock.monotonicMs())
      return idle
    }
    return undefined
  }

  #wait(call: Call): Promise<MysqlConnection> {
    const { promise, resolve, reject } = Promise.withResolvers<MysqlConnection>()
    const late = () =>
      this.#dismiss(
        waiter,
        new Failure('deadline_exceeded', 'the deadline passed in the queue of the database'),
      )
    const timer = setTimeout(late, Math.max(0, call.deadlineMs - this.#options.clock.monotonicMs()))
    const waiter: Waiter = { call, timer, take: resolve, fail: reject }
    this.#waiting.add(waiter)
    this.#serve()
    return promise
  }

  #dismiss(waiter: Waiter, error: Failure): void {
    clearTimeout(waiter.timer)
    this.#waiting.delete(waiter)
    waiter.fail(error)
  }

  /** Hands idle connections to those who wait, and opens more while there is room and somebody to use them. */
  #serve(): void {
    for (const waiter of this.#waiting) {
      if (waiter.call.cancelled) {
        this.#dismiss(waiter, new Failure('deadline_exceeded', 'the caller left'))
        continue
      }
      const connection = this.#takeIdle()
      if (connection === undefined) break
      clearTimeout(waiter.timer)
      this.#waiting.delete(waiter)
      waiter.take(connection)
    }
    const room = this.#options.size - this.#lent.size - this.#idle.length
    while (!this.#closed && this.#opening < Math.min(room, this.#waiting.size)) void this.#open()
  }

  async #open(): Promise<void> {
    this.#opening += 1
    try {
      const connection = await this.#options.open()
      connection.onBroken(() => this.#forget(connection))
      this.#opening -= 1
      this.#lent.add(connection)
      this.release(connection)
    } catch (cause) {
      this.#opening -= 1
      this.#refuse(cause)
    }
    this.#settle()
  }

  /** Callers who could still be served by a connection that is lent go on waiting for it. */
  #refuse(cause: unknown): void {
    if (this.#lent.size > 0) return
    const failure =
      cause instanceof Failure
        ? cause
        : new Failure('store_unavailable', `the database cannot be reached: ${messageOf(cause)}`, { cause })
    for (const waiter of this.#waiting) this.#dismiss(waiter, failure)
  }

  /** An idle connection that died is not lent again. */
  #forget(connection: MysqlConnection): void {
    const at = this.#idle.indexOf(connection)
    if (at >= 0) this.#idle.splice(at, 1)
  }

  #settle(): void {
    if (this.#closed && this.#lent.size === 0 && this.#opening === 0) this.#emptied?.()
  }
}
