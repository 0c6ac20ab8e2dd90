// Tells the operator which limits are nearly used up or refuse requests: each in the metrics, a soft limit once in its window.
import { exhaustedLimits } from '../check/charge-quotas.ts'
import type { Decision } from '../check/decision.ts'
import type { QuotaState } from '../quota/quota.ts'
import type { NearLimit } from '../quota/soft-limit.ts'
import { subjectKindOf } from '../quota/soft-limit.ts'
import type { SoftLimitMemory } from '../quota/soft-limit-memory.ts'
import type { LimitLabels, LimitMetrics } from '../telemetry/limit-metrics.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { CheckSpan } from './check-span.ts'

export type LimitReport = (
  decision: Decision,
  check: Readonly<{ decisionId: string; span: Pick<CheckSpan, 'softLimitReached' | 'traceId'> }>,
) => void

export const createLimitReport = (deps: {
  metrics: LimitMetrics
  memory: SoftLimitMemory
  log: Logger
}): LimitReport => {
  const { metrics, memory, log } = deps
  return (decision, { decisionId, span }) => {
    if (decision.outcome === 'deny')
      for (const state of exhaustedLimits(decision.limits ?? [])) metrics.over(labelsOf(state))
    if (decision.outcome !== 'allow') return
    for (const near of decision.near) {
      metrics.near(labelsOf(near.state))
      if (!memory.isNews(near.state)) continue
      span.softLimitReached(near)
      log.info(
        { decision_id: decisionId, trace_id: span.traceId, key_id: decision.key.id, ...fieldsOf(near) },
        'soft limit reached',
      )
    }
  }
}

const labelsOf = ({ quota }: QuotaState): LimitLabels => ({
  unit: quota.unit,
  period: quota.period,
  subject: subjectKindOf(quota),
})

const fieldsOf = ({ state: { quota, amount, used, resetsAtMs }, percent }: NearLimit) => ({
  subject: quota.subject,
  unit: quota.unit,
  period: quota.period,
  zone: quota.zone,
  amount,
  used,
  used_percent: percent,
  resets_at: resetsAtMs === undefined ? undefined : new Date(resetsAtMs).toISOString(),
})
