// Clients that others wrote are understood: Node's own HTTP/2 and grpc-js, whatever headers they send.
import { connect } from 'node:http2'
import { Client, credentials, status } from '@grpc/grpc-js'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { onClose } from '../../support/closing.ts'
import { aLane } from '../../support/lane-rig.ts'

const LISTS = process.env['LATCHKEY_PROVE'] === '1' ? 1_000_000 : 1_500
/** On one connection, one after the other and without waiting. */
const AT_ONCE = 50

test('any header list that Node encodes is read as it was sent', async () => {
  const { port } = await aLane({
    '/fields': (call) => call.answer(Buffer.from(JSON.stringify([...call.head.metadata]))),
  })
  const session = connect(`http://127.0.0.1:${port}`)
  onClose(() => session.destroy())
  const ask = async (fields: Readonly<Record<string, string>>): Promise<unknown> => {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/fields',
      'content-type': 'application/grpc',
      te: 'trailers',
      ...fields,
    })
    stream.end(Buffer.alloc(5))
    const chunks: Buffer[] = []
    for await (const chunk of stream) chunks.push(chunk as Buffer)
    return JSON.parse(Buffer.concat(chunks).subarray(5).toString()) as unknown
  }
  const name = fc.stringMatching(/^x-[a-z0-9-]{1,20}$/)
  const value = fc.oneof(
    fc.constantFrom('', 'again', 'and again', '0'),
    fc.string({
      unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
      maxLength: 60,
    }),
    fc.string({ unit: fc.constantFrom('\u00e9', '\u00ff', '\u00a1', 'a'), minLength: 1, maxLength: 40 }),
  )
  const list = fc.dictionary(name, value, { maxKeys: 12 })
  await fc.assert(
    fc.asyncProperty(fc.array(list, { minLength: AT_ONCE, maxLength: AT_ONCE }), async (lists) => {
      const read = await Promise.all(lists.map(ask))
      for (const [at, fields] of lists.entries()) {
        const expected = { 'content-type': 'application/grpc', te: 'trailers', ...fields }
        expect(Object.fromEntries(read[at] as [string, string][])).toEqual(expected)
      }
    }),
    { numRuns: LISTS / AT_ONCE },
  )
}, 600_000)

test('grpc-js gets messages of every size, streams, and statuses with their words', async () => {
  const { port } = await aLane({
    '/fails': (call) => call.end(status.RESOURCE_EXHAUSTED, '100 % of it, caf\u00e9'),
    '/streams': (call, message) => {
      for (let part = 0; part < 3; part += 1) call.send(message)
      call.end(status.ABORTED, 'enough')
    },
  })
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure())
  onClose(() => client.close())
  const same = (bytes: Buffer): Buffer => bytes
  const unary = (path: string, message: Buffer): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(path, same, same, message, (error, reply) =>
        error === null ? resolve(reply ?? Buffer.alloc(0)) : reject(error),
      )
    })
  for (const size of [0, 1, 1_000, 16_379, 16_380, 65_530, 65_536, 300_000, 1_048_576]) {
    const message = Buffer.alloc(size, 7)
    expect((await unary('/echo', message)).equals(message)).toBe(true)
  }
  await expect(unary('/fails', Buffer.alloc(0))).rejects.toMatchObject({
    code: status.RESOURCE_EXHAUSTED,
    details: '100 % of it, caf\u00e9',
  })
  await expect(unary('/nobody', Buffer.alloc(0))).rejects.toMatchObject({ code: status.UNIMPLEMENTED })
  await expect(unary('/echo', Buffer.alloc(1_100_000))).rejects.toMatchObject({
    code: status.RESOURCE_EXHAUSTED,
  })
  const received: Buffer[] = []
  const stream = client.makeServerStreamRequest('/streams', same, same, Buffer.from('part'))
  stream.on('data', (message: Buffer) => received.push(message))
  const ended = Promise.withResolvers<{ code: status }>()
  stream.on('error', (error) => ended.resolve(error as unknown as { code: status }))
  expect((await ended.promise).code).toBe(status.ABORTED)
  expect(received.map(String)).toEqual(['part', 'part', 'part'])
})
