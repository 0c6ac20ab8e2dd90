// Header blocks from HEADERS and the CONTINUATIONs that follow it at once. RFC 9113, 4.3, 6.2 and 6.10.
import { ConnectionError, ERROR, FLAG } from './frame.ts'
import { LIMITS } from './limits.ts'
import { withoutPadding, withoutPriority } from './padding.ts'

export type HeaderAssembly = Readonly<{
  headers(stream: number, flags: number, payload: Buffer): void
  continuation(flags: number, payload: Buffer): void
  /** The stream whose block is not whole: nothing but its CONTINUATION may come. */
  pending(): number | undefined
}>

/** `whole` is called with each block, valid until it returns. Throws ConnectionError. */
export const createHeaderAssembly = (
  whole: (stream: number, isLast: boolean, block: Buffer) => void,
): HeaderAssembly => {
  let begun: { stream: number; isLast: boolean; pieces: Buffer[]; bytes: number } | undefined

  const add = (flags: number, fragment: Buffer) => {
    if (begun === undefined) throw new ConnectionError(ERROR.protocol, 'CONTINUATION of nothing')
    // It outlives the bytes that it came in.
    begun.pieces.push(Buffer.from(fragment))
    begun.bytes += fragment.length
    if (begun.bytes > LIMITS.headerBlockBytes || begun.pieces.length > LIMITS.continuations)
      throw new ConnectionError(ERROR.enhanceYourCalm, 'a header block is too large')
    if ((flags & FLAG.endHeaders) === 0) return
    const { stream, isLast, pieces } = begun
    begun = undefined
    whole(stream, isLast, Buffer.concat(pieces))
  }

  return {
    headers(stream, flags, payload) {
      if (stream % 2 === 0)
        throw new ConnectionError(ERROR.protocol, 'HEADERS on a stream that a client may not open')
      const fragment = withoutPriority(withoutPadding(payload, flags), flags, stream)
      const isLast = (flags & FLAG.endStream) !== 0
      if ((flags & FLAG.endHeaders) !== 0) return whole(stream, isLast, fragment)
      begun = { stream, isLast, pieces: [], bytes: 0 }
      add(flags, fragment)
    },
    continuation: add,
    pending: () => begun?.stream,
  }
}
