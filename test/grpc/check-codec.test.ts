// The reader of CheckRequests means what the generated codec means, whatever the bytes are.
import { globSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readCheckRequest } from '../../src/grpc/check-reader.ts'
import { CheckRequest } from '../../src/grpc/gen/envoy/service/auth/v3/external_auth.ts'
import { aCheckRequest } from '../support/check-requests.ts'
import { toAuthRequest } from '../support/decoded-check.ts'
import { recordFigure } from '../support/figures.ts'
import { createRandom, damaged } from '../support/fuzz-random.ts'
import { ASKED_NAMES, aWireCheck } from '../support/wire-checks.ts'

const PROVE = process.env['LATCHKEY_PROVE'] === '1'

/** Of each message that was made, so many damaged copies are read too. */
const DAMAGED = 3
const MADE = PROVE ? 250_000 : 1_500

type Reading = Readonly<Record<string, unknown>> | 'not HTTP' | 'refused'

const ASCII = /^[\0-\x7f]*$/

/** What both say of these bytes. */
const readBoth = (bytes: Buffer): readonly [ours: Reading, decoded: Reading] => {
  let decoded: ReturnType<typeof toAuthRequest> | 'refused'
  try {
    decoded = toAuthRequest(CheckRequest.decode(bytes))
  } catch {
    decoded = 'refused'
  }
  const came =
    typeof decoded === 'object' ? [...decoded.headers.keys()].filter((name) => ASCII.test(name)) : []
  const names = [...new Set([...ASKED_NAMES, ...came])]
  return [readingOf(() => readCheckRequest(bytes), names), readingOf(() => refusedOr(decoded), names)]
}

const refusedOr = (decoded: ReturnType<typeof toAuthRequest> | 'refused') => {
  if (decoded === 'refused') throw new Error(decoded)
  return decoded
}

const readingOf = (read: () => ReturnType<typeof readCheckRequest>, names: readonly string[]): Reading => {
  let request: ReturnType<typeof readCheckRequest>
  try {
    request = read()
  } catch {
    return 'refused'
  }
  if (request === undefined) return 'not HTTP'
  // Whatever of it is asked for must be there: nothing but reading may throw.
  const { id, startedAt, source, method, path, headers, body, bodyComplete, declaredGuardrails } = request
  const lines = names.map((name) => [name, headers.get(name), headers.has(name)])
  const text = Buffer.from(body).toString('latin1')
  return { id, startedAt, source, method, path, lines, text, bodyComplete, declaredGuardrails }
}

const isAlike = (bytes: Buffer): void => {
  const [ours, decoded] = readBoth(bytes)
  if (JSON.stringify(ours) === JSON.stringify(decoded)) return
  expect({ of: bytes.toString('hex'), ...asObject(ours) }).toEqual({
    of: bytes.toString('hex'),
    ...asObject(decoded),
  })
}

const asObject = (reading: Reading) => (typeof reading === 'string' ? { reading } : reading)

const damagedOf = (bytes: Buffer, seed: number): readonly Buffer[] => {
  const random = createRandom(seed)
  return bytes.length === 0 ? [] : Array.from({ length: DAMAGED }, () => damaged(random, bytes))
}

/** What real Envoys sent, of both ends of the versions that are tested, in both forms of headers and bodies. */
const RECORDED = globSync('test/grpc/recorded-checks/*.hex')
  .sort()
  .map((path): readonly [string, Buffer] => {
    const hex = readFileSync(path, 'utf8').replaceAll('\n', '')
    return [basename(path, '.hex'), Buffer.from(hex, 'hex')]
  })

describe.each(RECORDED)('%s', (name, bytes) => {
  it('is read as the generated codec reads it', () => {
    isAlike(bytes)
    const request = readCheckRequest(bytes)
    expect(request).toMatchObject({
      method: name.endsWith('listing') ? 'GET' : 'POST',
      bodyComplete: !name.endsWith('cut'),
      declaredGuardrails: ['pii-mask', 'toxicity'],
    })
    expect(request?.startedAt).toMatch(/^\d{10}\.\d{9}$/)
  })

  it('is refused or means the same, wherever it breaks off', () => {
    for (let end = 0; end < bytes.length; end += 1) isAlike(bytes.subarray(0, end))
  })

  it('means the same with any byte of it changed', () => {
    const random = createRandom(bytes.length)
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Buffer.from(bytes)
      changed[at] = random.pick([0, 1, 0x7f, 0x80, 0xff, random.below(256)])
      isAlike(changed)
    }
  })
})

it('is refused when its last header line, with which all of it ends, breaks off', () => {
  for (const asMap of [false, true]) {
    const message = aCheckRequest({ method: '', path: '', asMap, headers: [['authorization', 'Bearer x']] })
    const bytes = Buffer.from(CheckRequest.encode(message).finish())
    for (let end = 1; end < bytes.length; end += 1)
      expect(readBoth(bytes.subarray(0, end)), `${end} bytes`).toEqual(['refused', 'refused'])
  }
})

describe('a CheckRequest is read as the generated codec reads it', () => {
  it('in every order and form that protobuf allows, and damaged', { timeout: 600_000 }, () => {
    let messages = 0
    const seen = { refused: 0, 'not HTTP': 0, read: 0 }
    fc.assert(
      fc.property(aWireCheck(), fc.integer(), (bytes, seed) => {
        for (const message of [bytes, ...damagedOf(bytes, seed)]) {
          isAlike(message)
          messages += 1
          const [reading] = readBoth(message)
          seen[typeof reading === 'string' ? reading : 'read'] += 1
        }
      }),
      { numRuns: MADE },
    )
    // It is no proof if hardly any of them could be read.
    expect(Math.min(seen.refused, seen['not HTTP'], seen.read)).toBeGreaterThan(messages / 20)
    recordFigure({ name: 'CheckRequests read as the generated codec reads them', value: messages })
  })
})
