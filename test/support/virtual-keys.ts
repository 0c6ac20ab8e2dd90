// Keys, owners and quotas with every field set to something harmless, to be overridden by what a test is about.
import type { Owner, VirtualKey } from '../../src/keys/virtual-key.ts'
import { NO_RULES } from '../../src/policy/policy.ts'
import type { Quota, QuotaState } from '../../src/quota/quota.ts'
import { FOREVER } from '../../src/quota/quota.ts'

export const aQuota = (more: Partial<Quota> = {}): Quota => ({
  id: 1,
  subject: 'key',
  unit: 'requests',
  period: 'day',
  zone: 'UTC',
  amount: 100,
  implicit: false,
  ...more,
})

export const aState = (more: Partial<QuotaState> = {}): QuotaState => {
  const quota = more.quota ?? aQuota()
  return {
    quota,
    amount: quota.amount,
    used: 1,
    remaining: quota.amount - 1,
    resetsAtMs: Date.UTC(2026, 10, 22),
    ...more,
  }
}

export const anOwner = (more: Partial<Owner> = {}): Owner => ({
  id: 'own_1',
  path: 'acme',
  disabled: false,
  rules: NO_RULES,
  quotas: [],
  ...more,
})

export const aKey = (more: Partial<VirtualKey> = {}): VirtualKey => ({
  id: 'key_1',
  name: 'ci',
  hint: 'abcd',
  owners: [anOwner()],
  disabled: false,
  revoked: false,
  failMode: 'closed',
  shadow: false,
  labels: {},
  notBeforeMs: undefined,
  expiresAtMs: undefined,
  secretUntilMs: undefined,
  rules: NO_RULES,
  quotas: [],
  usabilityQuota: aQuota({ id: 9, period: 'total', amount: FOREVER, implicit: true }),
  ...more,
})
