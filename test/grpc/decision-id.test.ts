// What a decision is called.
import { expect, test } from 'vitest'
import { DECISION_ID_LENGTH, newDecisionId } from '../../src/grpc/decision-id.ts'

test('the id of a decision is dec_ and a UUID of version 4, and no two are alike', () => {
  const ids = Array.from({ length: 20_000 }, newDecisionId)
  expect(new Set(ids).size).toBe(ids.length)
  for (const id of ids) {
    expect(id).toMatch(/^dec_[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(id.length).toBe(DECISION_ID_LENGTH)
  }
})

test('each bit of an id that says nothing of its version is as often set as not', () => {
  const counts = Array.from({ length: 128 }, () => 0)
  const ids = Array.from({ length: 20_000 }, newDecisionId)
  for (const id of ids) {
    const bits = BigInt(`0x${id.slice(4).replaceAll('-', '')}`)
    for (let at = 0; at < 128; at += 1) if ((bits >> BigInt(at)) & 1n) counts[at] = (counts[at] ?? 0) + 1
  }
  const fixed = counts.filter((count) => count === 0 || count === ids.length)
  expect(fixed).toHaveLength(6)
  // Seven deviations of a fair coin and more: not once in ten million runs.
  const fair = counts.filter((count) => Math.abs(count - 10_000) < 500)
  expect(fair).toHaveLength(122)
})
