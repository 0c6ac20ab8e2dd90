// The heads of requests, from blocks that mostly repeat: a block that came before costs a look into a map.
import type { HeaderDecoder } from './header-decoder.ts'
import { createHeaderDecoder } from './header-decoder.ts'
import { LIMITS } from './limits.ts'
import type { RequestHead } from './request-head.ts'
import { areTrailers, judgeHead } from './request-head.ts'
import type { Field } from './static-table.ts'

/** `too_large`: more fields than we take. */
export type JudgedHead = RequestHead | 'malformed' | 'too_large'

export type HeadReader = Readonly<{
  /** Every block must be read, also of what is refused: it may fill the table. Throws ConnectionError. */
  head(block: Buffer): JudgedHead
  /** False: malformed. */
  trailers(block: Buffer): boolean
}>

/** Blocks that are remembered; a client uses a handful. */
const REMEMBERED = 64

export const createHeadReader = (): HeadReader => {
  const decoder: HeaderDecoder = createHeaderDecoder(LIMITS.headerTableBytes)
  let known = new Map<string, JudgedHead>()
  let knownGeneration = 0
  /** The same block again and again is what one Envoy sends: to compare it costs less than to look it up. */
  let last: Readonly<{ block: Buffer; head: JudgedHead }> | undefined
  return {
    head(block) {
      if (knownGeneration === decoder.generation() && last?.block.equals(block)) return last.head
      const name = block.toString('latin1')
      if (knownGeneration === decoder.generation()) {
        const found = known.get(name)
        if (found !== undefined) {
          last = { block: Buffer.from(block), head: found }
          return found
        }
      }
      last = undefined
      const before = decoder.generation()
      const fields = decoder.decode(block)
      const head = isTooLarge(fields) ? 'too_large' : judgeHead(fields)
      // One that changed the table means something else the next time.
      if (before !== decoder.generation()) return head
      if (knownGeneration !== before || known.size >= REMEMBERED) known = new Map()
      knownGeneration = before
      known.set(name, head)
      return head
    },
    trailers: (block) => areTrailers(decoder.decode(block)),
  }
}

const isTooLarge = (fields: readonly Field[]): boolean =>
  fields.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0) > LIMITS.headerListBytes
