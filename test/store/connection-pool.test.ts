// The pool in front of MySQL: bounded, fair, and every wait with its own deadline.
import { expect, test } from 'vitest'
import type { Call } from '../../src/kernel/call.ts'
import { createCall } from '../../src/kernel/call.ts'
import { createClock } from '../../src/kernel/clock.ts'
import type { MysqlConnection } from '../../src/store/mysql/connection.ts'
import type { PoolOptions } from '../../src/store/mysql/connection-pool.ts'
import { createConnectionPool } from '../../src/store/mysql/connection-pool.ts'
import { createManualClock } from '../support/manual-clock.ts'

const clock = createClock()
const aCall = (timeoutMs = 10_000): Call => createCall(clock.monotonicMs() + timeoutMs)

type FakeConnection = MysqlConnection & Readonly<{ id: number }>

/** Only what the pool looks at: whether a connection is broken, and when it breaks. */
const createFakes = () => {
  const opened: FakeConnection[] = []
  const open = async (): Promise<MysqlConnection> => {
    const listeners = new Set<() => void>()
    let broken = false
    const destroy = () => {
      broken = true
      for (const listener of listeners) listener()
    }
    const connection: FakeConnection = {
      id: opened.length,
      query: () => Promise.reject(new Error('not asked here')),
      queryAll: () => Promise.reject(new Error('not asked here')),
      execute: () => Promise.reject(new Error('not asked here')),
      destroy,
      end: async () => destroy(),
      isBroken: () => broken,
      onBroken: (listener) => {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
    }
    opened.push(connection)
    return connection
  }
  return { opened, open }
}

const createPool = (more: Partial<PoolOptions> = {}) => {
  const fakes = createFakes()
  return {
    ...fakes,
    pool: createConnectionPool({ size: 2, queueLimit: 3, clock, open: fakes.open, ...more }),
  }
}

test('no more connections are opened than the pool has room for, and idle ones are used again', async () => {
  const { pool, opened } = createPool()
  const first = await pool.acquire(aCall())
  const second = await pool.acquire(aCall())
  const third = pool.acquire(aCall())
  pool.release(first)
  expect(await third).toBe(first)
  pool.release(second)
  pool.release(first)
  for (let n = 0; n < 10; n += 1) await pool.use(aCall(), async () => {})
  expect(opened).toHaveLength(2)
  await pool.close()
})

test('who came first is served first', async () => {
  const { pool } = createPool({ size: 1 })
  const held = await pool.acquire(aCall())
  const order: number[] = []
  const waiting = [0, 1, 2].map((n) =>
    pool.use(aCall(), async () => {
      order.push(n)
    }),
  )
  pool.release(held)
  await Promise.all(waiting)
  expect(order).toEqual([0, 1, 2])
  await pool.close()
})

test('one more than the queue holds is refused as overload, at once', async () => {
  const { pool } = createPool({ size: 1 })
  const held = await pool.acquire(aCall())
  const waiting = [1, 2, 3].map(() => pool.use(aCall(), async () => {}))
  await expect(pool.acquire(aCall())).rejects.toMatchObject({ reason: 'overloaded' })
  pool.release(held)
  await Promise.all(waiting)
  await pool.close()
})

test('a wait ends with its own deadline, and the others go on', async () => {
  const { pool } = createPool({ size: 1 })
  const held = await pool.acquire(aCall())
  const hasty = pool.acquire(aCall(20))
  const patient = pool.acquire(aCall())
  await expect(hasty).rejects.toMatchObject({ reason: 'deadline_exceeded' })
  pool.release(held)
  pool.release(await patient)
  await pool.close()
})

test('a caller that left while it waited is passed over', async () => {
  const { pool } = createPool({ size: 1 })
  const held = await pool.acquire(aCall())
  const gone = aCall()
  const dropped = pool.acquire(gone)
  const next = pool.acquire(aCall())
  gone.cancelled = true
  pool.release(held)
  await expect(dropped).rejects.toMatchObject({ reason: 'deadline_exceeded' })
  pool.release(await next)
  await pool.close()
})

test('a connection that died is replaced, whether it died idle or lent', async () => {
  const { pool, opened } = createPool({ size: 1 })
  const first = await pool.acquire(aCall())
  first.destroy()
  pool.release(first)
  const second = await pool.acquire(aCall())
  expect(second).not.toBe(first)
  pool.release(second)
  second.destroy()
  const third = await pool.acquire(aCall())
  expect(third).not.toBe(second)
  expect(opened).toHaveLength(3)
  pool.release(third)
  await pool.close()
})

test('when none can be opened, everybody who waits is told at once, and the next caller tries anew', async () => {
  let refusing = true
  const fakes = createFakes()
  const open = () => (refusing ? Promise.reject(new Error('ECONNREFUSED')) : fakes.open())
  const pool = createConnectionPool({ size: 2, queueLimit: 10, clock, open })
  const waiting = await Promise.allSettled(Array.from({ length: 6 }, () => pool.acquire(aCall())))
  for (const { status } of waiting) expect(status).toBe('rejected')
  await expect(pool.acquire(aCall())).rejects.toMatchObject({ reason: 'store_unavailable' })
  refusing = false
  pool.release(await pool.acquire(aCall()))
  await pool.close()
})

test('when no more can be opened, callers wait for those there are', async () => {
  const fakes = createFakes()
  let left = 1
  const open = () => {
    left -= 1
    return left < 0 ? Promise.reject(new Error('too many connections')) : fakes.open()
  }
  const pool = createConnectionPool({ size: 4, queueLimit: 10, clock, open })
  const held = await pool.acquire(aCall())
  const waiting = Array.from({ length: 3 }, () => pool.use(aCall(), async () => 'served'))
  pool.release(held)
  expect(await Promise.all(waiting)).toEqual(['served', 'served', 'served'])
  await pool.close()
})

test('closing waits for what is lent, refuses what waits, and lends nothing more', async () => {
  const { pool, opened } = createPool({ size: 1 })
  const held = await pool.acquire(aCall())
  const waiting = pool.acquire(aCall())
  let closed = false
  const closing = pool.close().then(() => {
    closed = true
  })
  await expect(waiting).rejects.toMatchObject({ reason: 'store_unavailable' })
  await expect(pool.acquire(aCall())).rejects.toMatchObject({ reason: 'store_unavailable' })
  expect(closed).toBe(false)
  pool.release(held)
  await closing
  expect(opened.every((connection) => connection.isBroken())).toBe(true)
})

test('one that breaks casts doubt on those that were not heard of since it was lent, here and in other pools, and on no other', async () => {
  const clock = createManualClock()
  const later = () => clock.advance(1_000)
  const anyCall = createCall(1_000_000)
  const other = createPool({ clock })
  const { pool, opened } = createPool({
    size: 3,
    clock,
    lost: (sinceMs) => {
      pool.doubt(sinceMs)
      other.pool.doubt(sinceMs)
    },
  })
  await other.pool.use(anyCall, async () => {})
  const [breaking, silent, answering] = [
    await pool.acquire(anyCall),
    await pool.acquire(anyCall),
    await pool.acquire(anyCall),
  ]
  pool.release(silent)
  later()
  pool.release(breaking)
  expect(await pool.acquire(anyCall)).toBe(breaking)
  later()
  pool.release(answering)
  breaking.destroy()
  pool.release(breaking)
  expect([silent, answering].map((connection) => connection.isBroken())).toEqual([true, false])
  expect(other.opened.map((connection) => connection.isBroken())).toEqual([true])
  expect(await pool.acquire(anyCall)).toBe(answering)
  expect(opened).toHaveLength(3)
  pool.release(answering)
  await Promise.all([pool.close(), other.pool.close()])
})
