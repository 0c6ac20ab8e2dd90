// An HTTP/1.1 client that sends exactly what it is told, line by line, and hides nothing of the answer.
import { connect } from 'node:net'

export type HeaderLine = readonly [name: string, value: string]

export type RawRequest = Readonly<{
  method?: string
  path?: string
  headers?: readonly HeaderLine[]
  body?: string | Uint8Array
  /** Sends the body in chunks, without content-length. */
  chunked?: boolean
}>

export type RawResponse = Readonly<{
  status: number
  /** Lower-case names, lines in order. */
  headers: ReadonlyMap<string, readonly string[]>
  body: string
}>

/** One request on a connection of its own, closed when the answer is complete. Header bytes go out as Latin-1. */
export const sendRaw = async (port: number, request: RawRequest): Promise<RawResponse> => {
  const { promise, resolve, reject } = Promise.withResolvers<RawResponse>()
  const socket = connect(port, '127.0.0.1')
  let received = Buffer.alloc(0)
  socket.on('data', (bytes) => {
    received = Buffer.concat([received, bytes])
    const response = readResponse(received)
    if (response !== undefined) resolve(response)
  })
  // Not ended after the request: to Envoy a half-closed connection is one whose client left.
  socket
    .on('error', reject)
    .on('close', () => reject(new Error(`closed after ${received.length} bytes of an answer`)))
  socket.write(wireForm(request))
  return promise.finally(() => socket.destroy())
}

/** The first line of a header of the answer. */
export const header = (response: RawResponse, name: string): string | undefined =>
  response.headers.get(name)?.[0]

const wireForm = ({
  method = 'POST',
  path = '/v1/chat/completions',
  headers = [],
  body,
  chunked = false,
}: RawRequest): Buffer => {
  const bytes = body === undefined ? undefined : Buffer.from(body)
  const framing: HeaderLine[] = []
  if (bytes !== undefined)
    framing.push(chunked ? ['transfer-encoding', 'chunked'] : ['content-length', String(bytes.length)])
  const lines = [['host', 'models.test'], ['connection', 'close'], ...headers, ...framing].map(
    ([name, value]) => `${name}: ${value}`,
  )
  const head = Buffer.from(`${[`${method} ${path} HTTP/1.1`, ...lines].join('\r\n')}\r\n\r\n`, 'latin1')
  return Buffer.concat([head, ...(bytes === undefined ? [] : chunked ? inChunks(bytes) : [bytes])])
}

const CHUNK_BYTES = 16_384

const inChunks = (bytes: Buffer): Buffer[] => {
  const parts: Buffer[] = []
  for (let start = 0; start < bytes.length; start += CHUNK_BYTES) {
    const chunk = bytes.subarray(start, start + CHUNK_BYTES)
    parts.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n'))
  }
  return [...parts, Buffer.from('0\r\n\r\n')]
}

/** undefined while something is missing. */
const readResponse = (received: Buffer): RawResponse | undefined => {
  const end = received.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const [statusLine = '', ...lines] = received.subarray(0, end).toString('latin1').split('\r\n')
  const headers = new Map<string, string[]>()
  for (const line of lines) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).toLowerCase()
    headers.set(name, [...(headers.get(name) ?? []), line.slice(colon + 1).trim()])
  }
  const rest = received.subarray(end + 4)
  const chunked = headers.get('transfer-encoding')?.includes('chunked') ?? false
  const length = Number(headers.get('content-length')?.[0] ?? 0)
  const body = chunked ? withoutChunks(rest) : rest.length < length ? undefined : rest
  return body === undefined
    ? undefined
    : { status: Number(statusLine.split(' ')[1]), headers, body: body.toString('utf8') }
}

/** undefined before the last chunk. */
const withoutChunks = (bytes: Buffer): Buffer | undefined => {
  const parts: Buffer[] = []
  for (let position = 0; ; ) {
    const lineEnd = bytes.indexOf('\r\n', position)
    if (lineEnd < 0) return undefined
    const length = Number.parseInt(bytes.subarray(position, lineEnd).toString('latin1'), 16)
    if (length === 0) return Buffer.concat(parts)
    parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + length))
    position = lineEnd + 2 + length + 2
  }
}
