// Keys of a LiteLLM proxy, as its table LiteLLM_VerificationToken holds them: `--format litellm`.
import type { KeyDraft } from '../../keys/key-book.ts'
import { NO_RULES } from '../../policy/policy.ts'
import type { FieldReader } from './field-reader.ts'
import type { FormatContext } from './format.ts'
import { digestFrom } from './latchkey-format.ts'

/** What happened, and state of its own; none of it is a rule. */
const HISTORY = [
  'spend',
  'model_spend',
  'soft_budget_cooldown',
  'budget_reset_at',
  'created_at',
  'created_by',
  'updated_at',
  'updated_by',
  'last_active',
  'rotation_count',
  'last_rotation_at',
] as const

/** Of no meaning as long as they are false. */
const SWITCHES = ['auto_rotate', 'team_blocked'] as const

/**
 * Without the token nothing can be imported, so its digest is asked for first. Everything else that says something and is not read here
 * is told by the caller: a rule that would silently be dropped lets through what was refused before.
 */
export const draftFromLitellm = (row: FieldReader, context: FormatContext): KeyDraft | undefined => {
  const token = row.text('token')
  const digest = token === undefined ? undefined : digestFrom(token)
  if (digest === undefined || token?.length !== 64)
    row.fault('token must be the SHA-256 of the key in 64 hexadecimal digits')
  for (const name of HISTORY) row.pass(name)
  for (const name of SWITCHES) row.passNo(name)
  // A duration alone limits nothing; a budget is told.
  row.pass('budget_duration')
  const keyName = row.text('key_name')
  const hint = /^sk-\.\.\.(.{4})$/.exec(keyName ?? '')?.[1] ?? ''
  const draft = {
    name: row.text('key_alias') ?? keyName ?? 'imported from LiteLLM',
    hint,
    ownerPath: ownerOf(row, context),
    notBeforeMs: undefined,
    expiresAtMs: row.instant('expires'),
    rules: { ...NO_RULES, models: modelsOf(row) },
    limits: limitsOf(row),
    disabled: row.flag('blocked') ?? false,
  }
  return digest === undefined ? undefined : { ...draft, digest }
}

/** Organisation, team and user become a path; an owner that was given stands in the place of the organisation. */
const ownerOf = (row: FieldReader, { defaultOwner, ownerGiven }: FormatContext): string => {
  const organisation = ownerGiven ? undefined : row.text('organization_id')
  const names = [organisation ?? defaultOwner, row.text('team_id'), row.text('user_id')]
  return names.filter((name) => name !== undefined).join('/')
}

/** Words that stand for what LiteLLM keeps elsewhere. */
const modelsOf = (row: FieldReader): readonly string[] | undefined => {
  const models = row.list('models')
  // An empty list admits all models there.
  if (models === undefined || models.length === 0 || models.includes('all-proxy-models')) return undefined
  if (models.includes('no-default-models')) return models.filter((model) => model !== 'no-default-models')
  if (models.includes('all-team-models'))
    row.fault('models is all-team-models: set the models of the team at its owner, and ignore models')
  return models
}

const limitsOf = (row: FieldReader): KeyDraft['limits'] => {
  const amount = row.wholeNumber('rpm_limit')
  return amount === undefined ? [] : [{ unit: 'requests', period: 'minute', zone: 'UTC', amount }]
}
