// One request over TLS as a client makes it who chooses the protocol: HTTP/1.1 or HTTP/2.
import { connect as connectHttp2 } from 'node:http2'
import { request as requestHttps } from 'node:https'
import { text } from 'node:stream/consumers'
import type { RawRequest, RawResponse } from './raw-client.ts'

/** Of a server on this machine, whose certificate is for localhost and of this authority. */
export type HttpsServer = Readonly<{ port: number; authorityPem: string }>

export const sendOverHttp1 = async (
  { port, authorityPem }: HttpsServer,
  { method = 'POST', path = '/v1/chat/completions', headers = [], body }: RawRequest,
): Promise<RawResponse> => {
  const answered = Promise.withResolvers<RawResponse>()
  const request = requestHttps({
    host: '127.0.0.1',
    port,
    method,
    path,
    servername: 'localhost',
    ca: authorityPem,
    agent: false,
    headers: Object.fromEntries(linesByName(headers)),
  })
  request.on('error', answered.reject).on('response', (response) => {
    text(response).then((read) => {
      answered.resolve({ status: response.statusCode ?? 0, headers: asMap(response.headers), body: read })
    }, answered.reject)
  })
  request.end(body)
  return answered.promise
}

export const sendOverHttp2 = async (
  { port, authorityPem }: HttpsServer,
  { method = 'POST', path = '/v1/chat/completions', headers = [], body }: RawRequest,
): Promise<RawResponse> => {
  const session = connectHttp2(`https://127.0.0.1:${port}`, { ...AS_TOLD, ca: authorityPem })
  const answered = Promise.withResolvers<RawResponse>()
  session.on('error', answered.reject)
  const stream = session.request({
    ':method': method,
    ':path': path,
    ...Object.fromEntries(linesByName(headers)),
  })
  stream.on('error', answered.reject).on('response', (received) => {
    text(stream).then((read) => {
      answered.resolve({ status: Number(received[':status']), headers: asMap(received), body: read })
    }, answered.reject)
  })
  stream.end(body)
  return answered.promise.finally(() => session.destroy())
}

/** Two lines of one header are what some tests are about; @types/node does not know the option. */
const AS_TOLD = { servername: 'localhost', strictSingleValueFields: false }

const linesByName = (headers: RawRequest['headers'] = []): Map<string, string[]> => {
  const lines = new Map<string, string[]>()
  for (const [name, value] of headers) lines.set(name, [...(lines.get(name) ?? []), value])
  return lines
}

const asMap = (
  headers: Readonly<Record<string, string | readonly string[] | number | undefined>>,
): ReadonlyMap<string, readonly string[]> =>
  new Map(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value : [String(value)]]),
  )
