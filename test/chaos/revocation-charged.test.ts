// Revoked in one process, refused by all at once: keys that something is charged for, because the charge itself looks.
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { LimitDraft } from '../../src/quota/limit-book.ts'
import { FOREVER } from '../../src/quota/quota.ts'
import type { ChargeForm } from '../../src/quota/quota-ledger.ts'
import type { CheckClient } from '../support/check-client.ts'
import { summarise } from '../support/check-client.ts'
import { aCheckRequest } from '../support/check-requests.ts'
import { aDirectory } from '../support/closing.ts'
import { recordFigure } from '../support/figures.ts'
import { freshDatabase } from '../support/mariadb.ts'
import type { Fleet, Key } from '../support/revocation-fleet.ts'
import { createKeys, startReplicas } from '../support/revocation-fleet.ts'
import { CHARGE_FORMS } from '../support/stores.ts'
import { until } from '../support/until.ts'

const PROVE = process.env['LATCHKEY_PROVE'] === '1'
const FORMS: readonly ChargeForm[] = PROVE ? CHARGE_FORMS : ['grouped']
const REVOCATIONS = PROVE ? 200 : 5
const UNLIMITED: LimitDraft = { unit: 'requests', period: 'total', zone: 'UTC', amount: FOREVER }
const PROCESSES = 3
const CALLERS_EACH = 4

/** As many charges as can be, until all are refused; how many were admitted, and how many of these were sent after `revokedAtMs`. */
const chargeUntilRefused = async ({ clients }: Fleet, { secret }: Key, revoke: () => Promise<unknown>) => {
  const headers = [['authorization', `Bearer ${secret}`]] as const
  let revokedAtMs = Number.POSITIVE_INFINITY
  let admittedLate = 0
  const admitted = clients.map(() => 0)
  const reasons = new Set<string>()
  const caller = async (client: CheckClient, place: number) => {
    for (;;) {
      const sentMs = performance.now()
      const { allowed, reason } = summarise(await client.check(aCheckRequest({ headers })))
      reasons.add(reason)
      if (allowed && sentMs >= revokedAtMs) admittedLate += 1
      if (allowed) admitted[place] = (admitted[place] ?? 0) + 1
      else if (sentMs >= revokedAtMs) return
    }
  }
  const callers = clients.flatMap((client, place) =>
    Array.from({ length: CALLERS_EACH }, () => caller(client, place)),
  )
  await until(() => admitted.every((count) => count > CALLERS_EACH))
  await revoke()
  revokedAtMs = performance.now()
  await Promise.all(callers)
  return { admittedLate, reasons: [...reasons].toSorted() }
}

describe.each(FORMS)(`${PROCESSES} processes that charge, form %s`, (form: ChargeForm) => {
  test.each(['SQLite', 'MariaDB'] as const)(
    'on %s admit no Check that was sent after its key was revoked, not for a moment',
    { timeout: 590_000 },
    async (kind) => {
      const url =
        kind === 'MariaDB' ? await freshDatabase() : `sqlite:${join(await aDirectory(), 'store.db')}`
      const fleet = await startReplicas(url, PROCESSES, { LATCHKEY_CHARGE_FORM: form })
      for (const key of await createKeys(fleet, REVOCATIONS, [UNLIMITED])) {
        const revoke = () => fleet.store.keyBook.revokeKey(key.id)
        expect(await chargeUntilRefused(fleet, key, revoke)).toEqual({
          admittedLate: 0,
          reasons: ['allow', 'invalid_key'],
        })
      }
      recordFigure({
        name: `charged Checks admitted that were sent after the commit of one of ${REVOCATIONS} revocations, on ${kind}, form ${form}`,
        value: 0,
      })
    },
  )
})
