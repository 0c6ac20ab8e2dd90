// A head that came before is remembered only while its bytes mean the same.
import { expect, test } from 'vitest'
import { createHeadReader } from '../../../src/grpc/lane/head-reader.ts'
import { headerBlock } from '../../../src/grpc/lane/header-blocks.ts'
import { headOf } from '../../support/lane-rig.ts'

/** A field that enters the table. */
const entering = (value: string): Buffer => {
  const [first = 0, ...rest] = headerBlock([['x-word', value]])
  return Buffer.from([first | 0x40, ...rest])
}
const NEWEST = 0x80 | 62
const HEAD = headOf('/echo')
const NAMES_NEWEST = Buffer.from([...HEAD, NEWEST])

const aReader = () => {
  const reader = createHeadReader()
  return (block: Uint8Array): unknown => {
    const head = reader.head(Buffer.from(block))
    return typeof head === 'string' ? head : head.metadata.get('x-word')
  }
}

test('the same bytes mean what the table says by then', () => {
  const word = aReader()
  expect(word(Buffer.concat([HEAD, entering('one')]))).toBe('one')
  expect([word(NAMES_NEWEST), word(NAMES_NEWEST)]).toEqual(['one', 'one'])
  expect(word(Buffer.concat([HEAD, entering('two')]))).toBe('two')
  expect([word(NAMES_NEWEST), word(NAMES_NEWEST)]).toEqual(['two', 'two'])
})

test('a block that fills the table fills it each time it comes', () => {
  const word = aReader()
  const one = Buffer.concat([HEAD, entering('one')])
  expect([word(one), word(Buffer.concat([HEAD, entering('two')])), word(one)]).toEqual(['one', 'two', 'one'])
  expect(word(NAMES_NEWEST)).toBe('one')
})

test('after the table was emptied what it had is named by nothing', () => {
  const word = aReader()
  word(Buffer.concat([HEAD, entering('one')]))
  expect([word(NAMES_NEWEST), word(NAMES_NEWEST)]).toEqual(['one', 'one'])
  // To no size, and back to all of it.
  word(Buffer.concat([Buffer.from([0x20, 0x3f, 0xe1, 0x1f]), HEAD]))
  expect(() => word(NAMES_NEWEST)).toThrow('in no table')
})

test('a head that was malformed is so again', () => {
  const word = aReader()
  const malformed = headerBlock([[':path', '/']])
  expect([word(malformed), word(HEAD), word(malformed)]).toEqual(['malformed', undefined, 'malformed'])
})
