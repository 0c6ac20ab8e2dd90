// Limits as people write them: requests=100/day, requests=1K/minute, requests=5M/month@Europe/Berlin.
import { parseAmount } from '../config/quantity.ts'
import { Rejection } from '../kernel/failure.ts'
import { isZone } from '../kernel/local-time.ts'
import type { LimitDraft } from '../quota/limit-book.ts'
import type { Period } from '../quota/quota.ts'
import { PERIODS, UNITS } from '../quota/quota.ts'

/** UNIT=AMOUNT/PERIOD[@ZONE]. Throws Rejection. */
export const parseLimit = (text: string): LimitDraft => {
  const [, unitText = '', amount = '', period = '', zone = 'UTC'] = LIMIT.exec(text) ?? []
  if (unitText === '')
    throw new Rejection(
      'invalid',
      `limit ${JSON.stringify(text)} must look like requests=100/day or requests=10K/month@Europe/Berlin`,
    )
  const unit = UNITS.find((known) => known === unitText)
  if (unit === undefined)
    throw new Rejection(
      'invalid',
      `limit ${JSON.stringify(text)}: only ${UNITS.join(', ')} can be limited, not ${unitText}`,
    )
  return { unit, amount: parseLimitAmount(amount), period: parsePeriod(period), zone: parseZone(zone) }
}

export const parseLimitAmount = (text: string): number => {
  const amount = parseAmount(text)
  if (amount === undefined)
    throw new Rejection(
      'invalid',
      `amount ${JSON.stringify(text)} must be a whole number, if you like with K, M or G`,
    )
  return amount
}

export const parsePeriod = (text: string): Period => {
  const period = PERIODS.find((known) => known === text)
  if (period === undefined)
    throw new Rejection('invalid', `period ${JSON.stringify(text)} must be one of ${PERIODS.join(', ')}`)
  return period
}

export const parseZone = (text: string): string => {
  if (isZone(text)) return text
  throw new Rejection(
    'invalid',
    `time zone ${JSON.stringify(text)} is unknown; give an IANA name such as Europe/Berlin`,
  )
}

/** The same text again; a total has no zone to speak of. */
export const formatLimit = ({ unit, amount, period, zone }: LimitDraft): string =>
  `${unit}=${amount}/${period}${zone === 'UTC' || period === 'total' ? '' : `@${zone}`}`

const LIMIT = /^([a-z]+)=([^/@]+)\/([^/@]+)(?:@(.+))?$/
