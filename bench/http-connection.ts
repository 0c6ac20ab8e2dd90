// One keep-alive connection of HTTP/1.1 that sends a request as it is told and waits for the whole answer.
import type { Socket } from 'node:net'
import { connect } from 'node:net'

export type HttpConnection = Readonly<{
  /** Resolves with the status when the whole body, told by content-length, has arrived. One at a time. */
  ask(request: string): Promise<string>
  close(): void
}>

export const openHttpConnection = async (port: number): Promise<HttpConnection> => {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const socket = connect({ port, host: '127.0.0.1', noDelay: true }, resolve)
  socket.setEncoding('latin1').once('error', reject)
  await promise
  return {
    ask: (request) => {
      socket.write(request)
      return readAnswer(socket)
    },
    close: () => socket.destroy(),
  }
}

const readAnswer = (socket: Socket): Promise<string> =>
  new Promise((resolve, reject) => {
    let text = ''
    const read = (chunk: string) => {
      text += chunk
      const head = text.indexOf('\r\n\r\n')
      if (head < 0) return
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1] ?? 'NaN')
      if (Number.isNaN(length))
        return reject(new Error(`an answer without content-length: ${text.slice(0, 200)}`))
      if (text.length < head + 4 + length) return
      socket.off('data', read)
      socket.off('close', closed)
      resolve(text.slice(9, 12))
    }
    const closed = () => reject(new Error('the connection was closed'))
    socket.on('data', read).once('close', closed)
  })
