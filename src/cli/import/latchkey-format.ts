// Keys as Latchkey itself prints them, and as anybody can write them: `--format latchkey`.
import { Rejection } from '../../kernel/failure.ts'
import type { KeyDraft } from '../../keys/key-book.ts'
import { digestSecret, hintOf } from '../../keys/secret.ts'
import { parseLimit } from '../limit-text.ts'
import type { FieldReader } from './field-reader.ts'
import type { FormatContext } from './format.ts'

/** undefined when a field that is needed is missing; what is wrong is noted. */
export const draftFromLatchkey = (
  row: FieldReader,
  { secrets, defaultOwner }: FormatContext,
): KeyDraft | undefined => {
  const found = secretOf(row, secrets)
  const name = row.text('name')
  if (name === undefined) row.fault('name is missing')
  const notBeforeMs = row.instant('not_before')
  const expiresAtMs = row.instant('expires_at')
  const isDisabled = readStatus(row, { notBeforeMs, expiresAtMs })
  // Said by `keys create --json`, and of no meaning elsewhere; an owner is disabled at the owner.
  row.pass('id')
  row.pass('created_at')
  const draft = {
    ownerPath: row.text('owner') ?? defaultOwner,
    notBeforeMs,
    expiresAtMs,
    rules: {
      models: row.list('models'),
      deniedModels: row.list('denied_models') ?? [],
      paths: row.list('paths'),
      deniedPaths: row.list('denied_paths') ?? [],
      networks: row.list('networks'),
      deniedNetworks: row.list('denied_networks') ?? [],
      hours: row.list('hours'),
      policies: row.list('policies') ?? [],
      guardrails: row.list('guardrails') ?? [],
    },
    shadow: row.flag('shadow') ?? false,
    labels: row.pairs('labels') ?? {},
    limits: (row.list('limits') ?? []).flatMap((text) => limitFrom(row, text)),
    failMode: failModeOf(row),
    disabled: row.flag('disabled') === true || isDisabled,
  }
  return found === undefined || name === undefined ? undefined : { ...draft, ...found, name }
}

/**
 * Whether it says disabled. The words are those of `keys list`; any other may mean that the key is not to be used, and so may one
 * that nothing else in the record says.
 */
const readStatus = (
  row: FieldReader,
  { notBeforeMs, expiresAtMs }: Pick<KeyDraft, 'notBeforeMs' | 'expiresAtMs'>,
): boolean => {
  const status = row.text('status') ?? 'active'
  if (status === 'revoked' || row.instant('revoked_at') !== undefined)
    row.fault('it is revoked, for ever: no import restores it')
  else if (status === 'expired' && expiresAtMs === undefined)
    row.fault('status is expired, and expires_at does not say when')
  else if (status === 'not yet valid' && notBeforeMs === undefined)
    row.fault('status is not yet valid, and not_before does not say until when')
  else if (status === 'owner disabled')
    row.fault(
      'status is owner disabled, which is said at the owner: disable the owner, and --ignore status imports the key as active',
    )
  else if (!CARRIED.includes(status)) row.fault(`status must be one of ${CARRIED.join(', ')}`)
  return status === 'disabled'
}

const CARRIED: readonly string[] = ['active', 'disabled', 'expired', 'not yet valid']

const secretOf = (
  row: FieldReader,
  secrets: FormatContext['secrets'],
): Pick<KeyDraft, 'digest' | 'hint'> | undefined => {
  const [secret, sha256, hint] = [row.text('secret'), row.text('sha256'), row.text('hint')]
  if ((secret === undefined) === (sha256 === undefined)) {
    row.fault('give either sha256, the SHA-256 of the secret, or secret')
    return undefined
  }
  if (secret !== undefined) {
    if (!secrets.recognise(secret)) row.fault('key_formats has no format for its secret')
    return { digest: digestSecret(secret), hint: hintOf(secret) }
  }
  const digest = digestFrom(sha256 ?? '')
  if (digest === undefined) row.fault('sha256 must be 64 hexadecimal digits, or 32 bytes in base64')
  return digest === undefined ? undefined : { digest, hint: hint ?? '' }
}

/** Hexadecimal, or base64 of either alphabet. */
export const digestFrom = (text: string): Uint8Array | undefined => {
  if (/^[0-9a-f]{64}$/i.test(text)) return new Uint8Array(Buffer.from(text, 'hex'))
  return /^[\w+/-]{43}=?$/.test(text) ? new Uint8Array(Buffer.from(text, 'base64')) : undefined
}

const limitFrom = (row: FieldReader, text: string): KeyDraft['limits'] => {
  try {
    return [parseLimit(text)]
  } catch (error) {
    if (!(error instanceof Rejection)) throw error
    row.fault(error.message)
    return []
  }
}

const failModeOf = (row: FieldReader): 'open' | 'closed' => {
  const failMode = row.text('fail_mode') ?? 'closed'
  if (failMode !== 'open' && failMode !== 'closed') row.fault('fail_mode must be open or closed')
  return failMode === 'open' ? 'open' : 'closed'
}
