// A record that says in whatever words that its key is not to be used never becomes an active key.
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { createFieldReader } from '../../../src/cli/import/field-reader.ts'
import { draftFromLatchkey } from '../../../src/cli/import/latchkey-format.ts'
import { draftFromLitellm } from '../../../src/cli/import/litellm-format.ts'
import { createSecrets, DEFAULT_SECRET_FORMATS } from '../../../src/keys/secret.ts'

const SHA256 = createHash('sha256').update('x').digest('hex')
const CONTEXT = {
  secrets: createSecrets(DEFAULT_SECRET_FORMATS),
  defaultOwner: 'default',
  ownerGiven: false,
}
const FORMATS = {
  latchkey: { make: draftFromLatchkey, key: { sha256: SHA256, name: 'x' } },
  litellm: { make: draftFromLitellm, key: { token: SHA256, key_alias: 'x' } },
}
type Said = Readonly<Record<string, unknown>>

/** What the key would be, or every word against it. */
const read = (said: Said, format: keyof typeof FORMATS = 'latchkey') => {
  const { make, key } = FORMATS[format]
  const row = createFieldReader(
    { where: 'line 1', fields: new Map(Object.entries({ ...key, ...said })) },
    new Set(),
  )
  const draft = make(row, CONTEXT)
  const against = [...row.faults(), ...row.unread()]
  return against.length > 0 ? against : draft?.disabled === true ? 'disabled' : 'active'
}

test.each([
  [{}, 'active'],
  [{ status: 'active' }, 'active'],
  [{ status: '', disabled: '' }, 'active'],
  [{ status: 'active', disabled: false }, 'active'],
  [{ status: 'disabled' }, 'disabled'],
  [{ status: 'disabled', disabled: false }, 'disabled'],
  [{ status: 'active', disabled: true }, 'disabled'],
  [{ status: 'expired', disabled: true, expires_at: '2026-01-01T00:00:00Z' }, 'disabled'],
  [{ status: 'expired', expires_at: '2026-01-01T00:00:00Z' }, 'active'],
  [{ status: 'not yet valid', not_before: '2999-01-01T00:00:00Z' }, 'active'],
] as const)('a key is carried over as %j says it: %s', (said, state) => {
  expect(read(said)).toBe(state)
})

test.each([
  [{ status: 'expired' }, 'line 1: status is expired, and expires_at does not say when'],
  [
    { status: 'not yet valid', expires_at: '2999-01-01T00:00:00Z' },
    'line 1: status is not yet valid, and not_before does not say until when',
  ],
  [
    { status: 'owner disabled', disabled: false },
    'line 1: status is owner disabled, which is said at the owner: disable the owner, and --ignore status imports the key as active',
  ],
  [{ status: 'revoked' }, 'line 1: it is revoked, for ever: no import restores it'],
  [
    { status: 'active', revoked_at: '2026-01-01T00:00:00Z' },
    'line 1: it is revoked, for ever: no import restores it',
  ],
  [{ status: false }, 'line 1: status must be a text'],
] as const)('a key of which nothing carries what %j says is refused', (said, sentence) => {
  expect(read(said)).toEqual([sentence])
})

test.each([
  'inactive',
  'Disabled',
  'DISABLED',
  'suspended',
  'blocked',
  'deleted',
  'paused',
  'false',
  ' active',
])('the status %j, which nobody here prints, is refused', (status) => {
  expect(read({ status })).toEqual(['line 1: status must be one of active, disabled, expired, not yet valid'])
})

test.each([false, 'false', 'f', 'FALSE', 0, '0'])('an unknown field that says %j is told', (no) => {
  expect(read({ enabled: no })).toEqual(['enabled'])
  expect(read({ is_active: no }, 'litellm')).toEqual(['is_active'])
})

test('of LiteLLM the switches that are off say nothing, those that are on are told', () => {
  for (const off of [false, 'f', 'false', null, ''])
    expect(read({ auto_rotate: off, team_blocked: off }, 'litellm')).toBe('active')
  for (const on of [true, 't', 'perhaps'])
    expect(read({ auto_rotate: on, team_blocked: on }, 'litellm')).toEqual(['auto_rotate', 'team_blocked'])
})
