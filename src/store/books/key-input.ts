// A key as people give it, checked.
import { Rejection } from '../../kernel/failure.ts'
import { parseOwnerPath } from '../../kernel/name.ts'
import type { KeyDraft } from '../../keys/key-book.ts'
import { parseLabels } from './labels-input.ts'
import { parseLimit } from './limit-input.ts'
import { parseRules } from './rules-input.ts'

/** More at once would hold their owners for longer than anybody should wait. */
export const MAX_DRAFTS = 10_000
/** A charge writes one row for each. */
export const MAX_LIMITS = 16

export const parseDraft = (draft: KeyDraft): KeyDraft => {
  parseKeyName(draft.name)
  parseOwnerPath(draft.ownerPath)
  parseLifetime(draft.notBeforeMs, draft.expiresAtMs)
  if (draft.digest.length !== 32) throw new Rejection('invalid', 'the digest of a secret has 32 bytes')
  if (!/^[\x21-\x7e]{0,16}$/.test(draft.hint))
    throw new Rejection('invalid', 'a hint is at most 16 visible ASCII characters')
  if (draft.limits.length > MAX_LIMITS)
    throw new Rejection('invalid', `a key has at most ${MAX_LIMITS} limits`)
  parseLabels(draft.labels ?? {})
  return { ...draft, rules: parseRules(draft.rules), limits: draft.limits.map(parseLimit) }
}

export const parseKeyName = (name: string): string => {
  if (/^[^\p{C}]{1,128}$/u.test(name) && name.trim() === name) return name
  throw new Rejection(
    'invalid',
    `key name ${JSON.stringify(name.slice(0, 128))} must be 1 to 128 printable characters without a space at either end`,
  )
}

export const parseLifetime = (notBeforeMs: number | undefined, expiresAtMs: number | undefined): void => {
  for (const instant of [notBeforeMs, expiresAtMs])
    if (instant !== undefined && (!Number.isSafeInteger(instant) || instant < 0))
      throw new Rejection('invalid', 'an instant is a whole number of milliseconds since 1970')
  if (notBeforeMs !== undefined && expiresAtMs !== undefined && notBeforeMs >= expiresAtMs)
    throw new Rejection('invalid', 'a key must become valid before it expires')
}
