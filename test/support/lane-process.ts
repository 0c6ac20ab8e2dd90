// A lane in a process of its own, so that its memory is its own: it tells the port as a line, and ends with its standard input.

import type { LaneMethod } from '../../src/grpc/lane/lane.ts'
import { createLane } from '../../src/grpc/lane/lane.ts'

const BIG = Buffer.alloc(1_048_576)

const methods: Readonly<Record<string, LaneMethod>> = {
  '/echo': (call, message) => call.answer(message),
  '/big': (call) => call.answer(BIG),
  '/waits': () => {},
}

const { server } = createLane({
  methods: new Map(Object.entries(methods)),
  maxMessageBytes: 1_048_576,
  maxAge: undefined,
  // Time stands still: all floods come within a second.
  monotonicMs: () => 0,
  broken: () => {},
})
server.listen({ host: '127.0.0.1', port: 0 }, () => {
  const address = server.address()
  process.stdout.write(`${typeof address === 'object' ? address?.port : ''}\n`)
})
process.stdin.on('end', () => process.exit(0)).resume()
