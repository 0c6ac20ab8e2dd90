// Pieces of a header block are kept as they came, whatever becomes of the bytes that they came in.
import { expect, test } from 'vitest'
import { FLAG } from '../../../src/grpc/lane/frame.ts'
import { createHeaderAssembly } from '../../../src/grpc/lane/header-assembly.ts'

test('a block is put together from pieces whose memory was used again', () => {
  const blocks: unknown[] = []
  const assembly = createHeaderAssembly((stream, isLast, block) => {
    blocks.push([stream, isLast, block.toString()])
  })
  const read = Buffer.from('one ')
  assembly.headers(1, FLAG.endStream, read)
  expect(assembly.pending()).toBe(1)
  read.write('two ')
  assembly.continuation(0, read)
  read.write('and ')
  assembly.continuation(FLAG.endHeaders, read)
  expect(blocks).toEqual([[1, true, 'one two and ']])
  expect(assembly.pending()).toBeUndefined()
})
