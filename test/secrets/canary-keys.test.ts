// Keys with a middle that is easy to find are sent through every path of a server that tells all it can: none is told.
import { beforeAll, describe, expect, it } from 'vitest'
import { createSecrets, DEFAULT_SECRET_FORMATS, digestSecret } from '../../src/keys/secret.ts'
import { mintCanary } from '../support/canary-keys.ts'
import type { CanaryRun } from '../support/canary-run.ts'
import { runCanaries } from '../support/canary-run.ts'
import { recordFigure } from '../support/figures.ts'
import { createSieve } from '../support/secret-sieve.ts'

const PROVE = process.env['LATCHKEY_PROVE'] === '1'
const CANARIES = PROVE ? 1_000 : 100
/** Each key in each third way, or in each seventh: neither divides the eleven states of keys, so each way meets each state. */
const STRIDE = PROVE ? 3 : 7

describe('the sieve', () => {
  const secret = mintCanary(7)
  const digest = Buffer.from(digestSecret(secret))

  it('is made for keys that the server takes for keys', () => {
    expect(createSecrets(DEFAULT_SECRET_FORMATS).recognise(secret)).toBe(true)
  })

  it.each([
    ['the secret', secret],
    ['its middle', secret.slice(12, 24)],
    ['in lower case', secret.toLowerCase()],
    ['in base64 with a user before it', Buffer.from(`u:${secret}`).toString('base64')],
    ['in bytes', JSON.stringify(Buffer.from(secret))],
    ['its digest in hex', digest.toString('hex')],
    ['its digest in base64', digest.toString('base64')],
    ['its digest in base64url', digest.toString('base64url')],
    ['its digest as Node shows it', String(digest.toString('hex').match(/../g)?.join(' '))],
    ['its digest as JSON', JSON.stringify(digest)],
  ])('finds %s', (_, text) => {
    expect(createSieve([mintCanary(1), secret]).sift(`before ${text} after`)).not.toEqual([])
  })

  it('finds nothing in the hint, and nothing of another key', () => {
    const sieve = createSieve([secret])
    expect(sieve.sift(`…${secret.slice(-4)} key_0123456789ABCDEFGHIJKL ${digestText('x')}`)).toEqual([])
  })
})

const digestText = (secret: string) => Buffer.from(digestSecret(secret)).toString('hex')

describe('a server with everything switched on', () => {
  let run: CanaryRun
  beforeAll(async () => {
    run = await runCanaries(CANARIES, STRIDE)
    recordFigure({ name: 'Checks with canary keys', value: run.asked, unit: 'Checks' })
  }, 540_000)

  it('was asked in so many ways that it gave every reason that a store and a request can give', () => {
    expect([...run.reasons].toSorted()).toEqual(expect.arrayContaining(REASONS_GIVEN))
  })

  it('told something in each place', () => {
    const { told } = run
    for (const sign of ['check denied', 'check passed'] as const) expect(told[sign]).toBeGreaterThan(CANARIES)
    for (const sign of ['check failed', 'latchkey_checks_total', '[redacted]'] as const)
      expect(told[sign]).toBeGreaterThan(5)
    expect(told['Authorization/Check']).toBeGreaterThanOrEqual(run.asked)
  })

  it.each(['answers', 'gRPC errors', 'pages', 'log', 'spans', 'tables'] as const)(
    'has no key in its %s, and no digest of one but where it is kept',
    (place) => {
      expect(run.found[place].slice(0, 5)).toEqual([])
    },
  )
})

const REASONS_GIVEN = [
  'allow',
  'ambiguous_key',
  'body_too_large',
  'invalid_key',
  'key_disabled',
  'key_expired',
  'key_not_yet_valid',
  'missing_key',
  'model_conflict',
  'model_not_allowed',
  'model_required',
  'owner_disabled',
  'path_not_allowed',
  'policy_unresolved',
  'quota_exhausted',
  'rate_limited',
  'request_malformed',
  'store_unavailable',
]
