// How a gRPC call ends over HTTP/2: trailers, and answers to what is no gRPC call.
// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
import { STATUS_CODE } from '../status-code.ts'
import { headerBlock } from './header-blocks.ts'

const CONTENT_TYPE = ['content-type', 'application/grpc'] as const

/** Before the first message. */
export const RESPONSE_HEAD: Buffer = headerBlock([[':status', '200'], CONTENT_TYPE])

export const OK_TRAILERS: Buffer = headerBlock([['grpc-status', '0']])

const statusFields = (code: number, details: string) =>
  [
    ['grpc-status', String(code)],
    ['grpc-message', percentEncoded(details)],
  ] as const

/** After messages were sent. */
export const trailers = (code: number, details: string): Buffer =>
  code === STATUS_CODE.OK ? OK_TRAILERS : headerBlock(statusFields(code, details))

/** In place of head, messages and trailers. Says what we understand, for who sent something compressed. */
export const trailersOnly = (code: number, details: string): Buffer =>
  headerBlock([
    [':status', '200'],
    CONTENT_TYPE,
    ['grpc-accept-encoding', 'identity'],
    ...statusFields(code, details),
  ])

/** To what is no gRPC call. */
export const httpError = (status: 405 | 415): Buffer =>
  headerBlock([
    [':status', String(status)],
    ['content-type', 'text/plain'],
    ...(status === 405 ? [['allow', 'POST'] as const] : []),
  ])

/** Printable ASCII but for %. */
const percentEncoded = (text: string): string =>
  Array.from(Buffer.from(text, 'utf8'), (byte) =>
    byte >= 0x20 && byte <= 0x7e && byte !== 0x25
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
  ).join('')

/** To who sends more than a message may have, before all of it came. */
export const TOO_LARGE: Buffer = trailersOnly(STATUS_CODE.RESOURCE_EXHAUSTED, 'the message is too large')
