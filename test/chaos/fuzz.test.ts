// Bytes that no Envoy sends, against the socket of a running Latchkey: it stays up, allows nobody, and serves the others meanwhile.
import { randomInt } from 'node:crypto'
import { expect, test } from 'vitest'
import { CheckRequest } from '../../src/grpc/gen/envoy/service/auth/v3/external_auth.ts'
import { aCheckRequest } from '../support/check-requests.ts'
import { onClose } from '../support/closing.ts'
import { recordFigure } from '../support/figures.ts'
import { callWith, connectWith, openCalls } from '../support/fuzz-calls.ts'
import { fuzzedConnection, grpcMessage } from '../support/fuzz-frames.ts'
import { blocksOfNode } from '../support/fuzz-headers.ts'
import { fuzzedCheckRequest } from '../support/fuzz-messages.ts'
import { randomOfCase } from '../support/fuzz-random.ts'
import type { FuzzTarget } from '../support/fuzz-target.ts'
import { startFuzzTarget } from '../support/fuzz-target.ts'
import { until } from '../support/until.ts'

const PROVE = process.env['LATCHKEY_PROVE'] === '1'
/** Both tests together. */
const SECONDS = Number(process.env['LATCHKEY_FUZZ_SECONDS'] ?? (PROVE ? 60 : 8))
/** The same seed sends the same bytes; a failure says which, and the number of the case. */
const SEED = Number(process.env['LATCHKEY_FUZZ_SEED'] ?? (PROVE ? randomInt(2 ** 31) : 5))
const LANES = 8
const INNOCENT_EVERY = 20
const MOST_BYTES = 600 * 1_048_576
const LIMIT_MS = SECONDS * 1_000 + 120_000

/** Runs cases in lanes until the time is over, each at least once; the first that fails ends it. */
const fuzz = async (one: (nth: number) => Promise<void>): Promise<number> => {
  const endMs = performance.now() + (SECONDS / 2) * 1_000
  let cases = 0
  let failed = false
  const lane = async () => {
    do {
      const nth = cases
      cases += 1
      await one(nth).catch((cause: unknown) => {
        failed = true
        throw new Error(`LATCHKEY_FUZZ_SEED=${SEED}, case ${nth}`, { cause })
      })
    } while (!failed && performance.now() < endMs)
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  return cases
}

const goodCheck = ({ goodSecret }: FuzzTarget): Buffer =>
  grpcMessage(
    CheckRequest.encode(aCheckRequest({ headers: [['authorization', `Bearer ${goodSecret}`]] })).finish(),
  )

/** As before the fuzz: it runs, lets the others in, holds nothing of those who left, and took no more memory than it may. */
const expectUnharmed = async (target: FuzzTarget, filesBefore: number) => {
  expect(target.ended()).toBeUndefined()
  const session = openCalls(target.path)
  expect(await callWith(session, goodCheck(target))).toBe('allow')
  session.close()
  await until(async () => (await target.openFiles()) <= filesBefore)
  expect(await target.peakBytes()).toBeLessThan(MOST_BYTES)
}

const record = async (target: FuzzTarget, what: string, cases: number) => {
  const command = `LATCHKEY_FUZZ_SECONDS=${SECONDS} LATCHKEY_FUZZ_SEED=${SEED} vitest run test/chaos/fuzz.test.ts`
  recordFigure({ name: `fuzzed ${what}: no crash, no Allow`, value: cases, command })
  const peakMib = Math.round((await target.peakBytes()) / 1_048_576)
  recordFigure({ name: `most memory of the server meanwhile (${what})`, value: peakMib, unit: 'MiB' })
}

test('fuzzed messages: each is answered, none is allowed, and Checks between them on the same connection are', {
  timeout: LIMIT_MS,
}, async () => {
  const target = await startFuzzTarget()
  const filesBefore = await target.openFiles()
  const session = openCalls(target.path)
  onClose(() => session.destroy())
  const good = goodCheck(target)
  const cases = await fuzz(async (nth) => {
    if (nth % INNOCENT_EVERY === 0) return expect(await callWith(session, good)).toBe('allow')
    const message = fuzzedCheckRequest(randomOfCase(SEED, nth), target.badSecrets)
    expect(await callWith(session, grpcMessage(message))).toMatch(/^(deny|status [1-9]\d*)$/)
  })
  session.close()
  await expectUnharmed(target, filesBefore)
  await record(target, 'CheckRequests', cases)
})

test('fuzzed connections: none is allowed, and Checks on another connection are', {
  timeout: LIMIT_MS,
}, async () => {
  const target = await startFuzzTarget()
  const filesBefore = await target.openFiles()
  const session = openCalls(target.path)
  onClose(() => session.destroy())
  const good = goodCheck(target)
  const blocks = await blocksOfNode(CHECK, 4)
  let refused = 0
  const cases = await fuzz(async (nth) => {
    if (nth % INNOCENT_EVERY === 0) return expect(await callWith(session, good)).toBe('allow')
    const random = randomOfCase(SEED, nth)
    const messages = Array.from({ length: 1 + random.below(4) }, () =>
      fuzzedCheckRequest(random, target.badSecrets).subarray(0, LARGEST_FRAME),
    )
    const verdicts = await connectWith(target.path, fuzzedConnection(random, messages, blocks))
    expect(verdicts).not.toContain('allow')
    refused += verdicts.length
  })
  // Else all of it was thrown away before anybody decided.
  expect(refused).toBeGreaterThan(0)
  session.close()
  await expectUnharmed(target, filesBefore)
  await record(target, 'HTTP/2 connections', cases)
})

const LARGEST_FRAME = 16_000
const CHECK = '/envoy.service.auth.v3.Authorization/Check'
