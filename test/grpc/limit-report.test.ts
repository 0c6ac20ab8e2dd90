// Who watches learns of a limit that is nearly used up once in its window, however many requests come.
import { expect, it } from 'vitest'
import type { Decision } from '../../src/check/decision.ts'
import { deny } from '../../src/check/decision.ts'
import { createLimitReport } from '../../src/grpc/limit-report.ts'
import type { NearLimit } from '../../src/quota/soft-limit.ts'
import { createSoftLimitMemory } from '../../src/quota/soft-limit-memory.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { anAllow } from '../support/decisions.ts'
import { aKey, anOwner, aQuota, aState } from '../support/virtual-keys.ts'

const setUp = () => {
  const lines: unknown[] = []
  const events: number[] = []
  const counted = { near: 0, over: 0 }
  const report = createLimitReport({
    metrics: {
      near: () => {
        counted.near += 1
      },
      over: () => {
        counted.over += 1
      },
    },
    memory: createSoftLimitMemory({ maxEntries: 10 }),
    log: createLogger({ level: 'info', format: 'json' }, { write: (line) => lines.push(JSON.parse(line)) }),
  })
  const softLimitReached = ({ state }: NearLimit) => events.push(state.quota.id)
  const tell = (decision: Decision) =>
    report(decision, { decisionId: 'dec_1', span: { softLimitReached, traceId: 'trace_1' } })
  return { lines, events, counted, tell }
}

const near = (id: number, resetsAtMs: number | undefined): NearLimit => ({
  state: aState({ quota: aQuota({ id, subject: 'acme', zone: 'Europe/Berlin' }), used: 83, resetsAtMs }),
  percent: 83,
})

it('an event and a line for each limit, once in its window and again in the next; counted each time', () => {
  const { lines, events, counted, tell } = setUp()
  const [day, nextDay] = [Date.UTC(2026, 10, 22), Date.UTC(2026, 10, 23)]
  tell(anAllow({ near: [near(1, day)] }))
  tell(anAllow({ near: [near(1, day), near(2, undefined)] }))
  tell(anAllow({ near: [near(1, day), near(2, undefined)] }))
  tell(anAllow({ near: [near(1, nextDay), near(2, undefined)] }))
  expect(events).toEqual([1, 2, 1])
  expect(lines).toHaveLength(3)
  expect(counted).toEqual({ near: 7, over: 0 })
})

it('the line says which limit of whom, how full and until when, and which request it was', () => {
  const { lines, tell } = setUp()
  const key = aKey({ id: 'key_7', owners: [anOwner()] })
  tell(anAllow({ key, near: [near(1, Date.UTC(2026, 10, 22))] }))
  tell(anAllow({ key, near: [near(2, undefined)] }))
  const told = {
    time: expect.any(String),
    level: 'info',
    msg: 'soft limit reached',
    decision_id: 'dec_1',
    trace_id: 'trace_1',
    key_id: 'key_7',
    subject: 'acme',
    unit: 'requests',
    period: 'day',
    zone: 'Europe/Berlin',
    amount: 100,
    used: 83,
    used_percent: 83,
  }
  expect(lines).toEqual([{ ...told, resets_at: '2026-11-22T00:00:00.000Z' }, told])
})

it('a refusal is over each exhausted limit, and tells nothing', () => {
  const { lines, events, counted, tell } = setUp()
  const limits = [aState({ remaining: 0 }), aState({ remaining: 0 }), aState({ remaining: 1 })]
  tell(deny('quota_exhausted', 'words', { limits }))
  tell(deny('model_not_allowed', 'words'))
  expect({ lines, events, counted }).toEqual({ lines: [], events: [], counted: { near: 0, over: 2 } })
})
