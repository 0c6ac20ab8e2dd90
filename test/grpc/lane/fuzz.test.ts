// Damaged frames and header blocks are errors of their stream or connection, never mistakes of ours, and nobody else's calls end for them.
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { ConnectionError, ERROR, TYPE, uint32Frame } from '../../../src/grpc/lane/frame.ts'
import { createHeadReader } from '../../../src/grpc/lane/head-reader.ts'
import { recordFigure } from '../../support/figures.ts'
import { fuzzedConnection, grpcMessage } from '../../support/fuzz-frames.ts'
import { blocksOfNode, woundedBlock } from '../../support/fuzz-headers.ts'
import { randomOfCase } from '../../support/fuzz-random.ts'
import { aFrameClient, aLane, answerOf, data, headers } from '../../support/lane-rig.ts'

const PROVE = process.env['LATCHKEY_PROVE'] === '1'
/** Both tests together. */
const SECONDS = Number(process.env['LATCHKEY_FUZZ_SECONDS'] ?? (PROVE ? 60 : 3))
const SEED = Number(process.env['LATCHKEY_FUZZ_SEED'] ?? (PROVE ? randomInt(2 ** 31) : 5))
const LIMIT_MS = SECONDS * 1_000 + 120_000
const CHECK = '/envoy.service.auth.v3.Authorization/Check'
const HELLO = Buffer.from('hello')

const fuzz = async (what: string, one: (nth: number) => Promise<void> | void): Promise<void> => {
  const endMs = performance.now() + (SECONDS / 2) * 1_000
  let cases = 0
  for (; cases < 100 || performance.now() < endMs; cases += 1)
    try {
      await one(cases)
    } catch (cause) {
      throw new Error(`LATCHKEY_FUZZ_SEED=${SEED}, case ${cases}`, { cause })
    }
  recordFigure({ name: `damaged ${what} that the lane took for what they are`, value: cases })
}

test('header blocks: fields, or an error of compression', { timeout: LIMIT_MS }, async () => {
  const blocks = await blocksOfNode(CHECK, 8)
  await fuzz('sequences of header blocks', (nth) => {
    const random = randomOfCase(SEED, nth)
    const reader = createHeadReader()
    try {
      for (const block of blocks) {
        const sent = random.chance(0.3) ? woundedBlock(random, block) : block
        if (random.chance(0.9)) reader.head(sent)
        else reader.trailers(sent)
      }
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error
      expect(error.code).toBe(ERROR.compression)
    }
  })
})

test('connections: no mistake of ours, and another connection is answered', {
  timeout: LIMIT_MS,
}, async () => {
  const { port, broken } = await aLane({ [CHECK]: (call, message) => call.answer(message) })
  const blocks = await blocksOfNode(CHECK, 8)
  const other = await aFrameClient(port)
  other.send(uint32Frame(TYPE.windowUpdate, 0, 0x7000_0000))
  let asked = 0
  await fuzz('connections', async (nth) => {
    const random = randomOfCase(SEED, nth)
    const messages = Array.from({ length: 1 + random.below(6) }, () =>
      grpcMessage(random.bytes(random.below(50))),
    )
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {}).resume()
    socket.end(fuzzedConnection(random, messages, blocks))
    await once(socket, 'close')
    expect(broken.filter((why) => why.startsWith('our bug'))).toEqual([])
    if (nth % 50 !== 0) return
    asked += 1
    other.send(headers(2 * asked - 1), data(2 * asked - 1, HELLO))
    expect(await answerOf(other, 2 * asked - 1)).toEqual(HELLO)
  })
})
