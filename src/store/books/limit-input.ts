// A limit as people give it, checked.
import { Rejection } from '../../kernel/failure.ts'
import { isZone } from '../../kernel/local-time.ts'
import type { LimitDraft } from '../../quota/limit-book.ts'
import { FOREVER, PERIODS, UNITS } from '../../quota/quota.ts'

export const parseLimit = (draft: LimitDraft): LimitDraft => {
  if (!UNITS.includes(draft.unit))
    throw new Rejection('invalid', `a limit's unit is one of ${UNITS.join(', ')}`)
  if (!PERIODS.includes(draft.period))
    throw new Rejection('invalid', `a limit's period is one of ${PERIODS.join(', ')}`)
  if (!Number.isSafeInteger(draft.amount) || draft.amount < 0)
    throw new Rejection('invalid', `a limit's amount is a whole number from 0 to ${FOREVER}`)
  if (!/^[\x21-\x7e]{1,64}$/.test(draft.zone) || !isZone(draft.zone))
    throw new Rejection(
      'invalid',
      `time zone ${JSON.stringify(draft.zone.slice(0, 64))} is not known; Europe/Berlin would be`,
    )
  return draft
}
