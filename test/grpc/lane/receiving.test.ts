// What has arrived of a call is kept whole, in no more memory than its bytes, however small the pieces.
import { expect, test } from 'vitest'
import { keepPiece, newReceiving, takeBody } from '../../../src/grpc/lane/receiving.ts'

const aReceiving = () =>
  newReceiving(
    { id: 1, window: 0, waiting: [], sent: 0, trailers: undefined },
    {
      path: '/echo',
      timeoutMs: Number.POSITIVE_INFINITY,
      metadata: new Map(),
      contentLength: undefined,
      httpError: undefined,
    },
    0,
    0,
  )

const TEXT = Buffer.from(Array.from({ length: 40_000 }, (_, at) => at % 251))

test('a byte at a time is kept in few pieces, and comes out as it came in', () => {
  const receiving = aReceiving()
  let most = 0
  for (const byte of TEXT) {
    receiving.bytes += 1
    keepPiece(receiving, Buffer.from([byte]))
    most = Math.max(most, receiving.chunks.length)
  }
  expect(most).toBeLessThan(64)
  expect(takeBody(receiving)).toEqual(TEXT)
  expect([receiving.chunks, receiving.bytes]).toEqual([[], 0])
})

test('empty pieces are not kept', () => {
  const receiving = aReceiving()
  keepPiece(receiving, Buffer.alloc(0))
  expect(receiving.chunks).toEqual([])
})

test('a piece is kept as it was, in memory of its own', () => {
  const receiving = aReceiving()
  const read = Buffer.alloc(65_536, 1)
  receiving.bytes += 5
  keepPiece(receiving, read.subarray(0, 5))
  read.fill(2)
  expect(receiving.chunks[0]?.buffer.byteLength).toBe(5)
  expect(takeBody(receiving, read.subarray(0, 1))).toEqual(Buffer.from([1, 1, 1, 1, 1, 2]))
})
