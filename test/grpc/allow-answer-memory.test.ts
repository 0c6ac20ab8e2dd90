// What is remembered of answers is bounded, whatever clients write, and never another key's.
import { expect, it } from 'vitest'
import type { Allow } from '../../src/check/decision.ts'
import { createAllowTemplates } from '../../src/grpc/allow-answer-memory.ts'
import { createAllowTemplate } from '../../src/grpc/allow-answer-template.ts'
import { anAllow } from '../support/decisions.ts'
import { aKey } from '../support/virtual-keys.ts'

const counting = (bounds: Parameters<typeof createAllowTemplates>[1]) => {
  const created: Allow[] = []
  const templates = createAllowTemplates((allow) => {
    created.push(allow)
    return createAllowTemplate(allow, { credentialHeaders: [] })
  }, bounds)
  /** Whether it had to be made. */
  const isMade = (allow: Allow): boolean => {
    const before = created.length
    templates(allow)
    return created.length > before
  }
  return { isMade }
}

const lists = { guardrails: [], policies: [] }

it('a key is prepared once for each model and route', () => {
  const { isMade } = counting({ maxTemplates: 100, maxPerKey: 4 })
  const key = aKey()
  const ways = [{}, { model: 'a' }, { model: 'a', route: 'r' }, { route: 'r' }]
  expect(ways.map((way) => isMade(anAllow({ ...lists, key, ...way })))).toEqual([true, true, true, true])
  expect(ways.map((way) => isMade(anAllow({ ...lists, key, ...way })))).toEqual([false, false, false, false])
  expect(isMade(anAllow({ ...lists, key: aKey() }))).toBe(true)
})

it('of a key so many are remembered and no more, the oldest is forgotten', () => {
  const { isMade } = counting({ maxTemplates: 100, maxPerKey: 2 })
  const key = aKey()
  const models = ['a', 'b', 'c']
  for (const model of models) isMade(anAllow({ ...lists, key, model }))
  expect(['c', 'b', 'a'].map((model) => isMade(anAllow({ ...lists, key, model })))).toEqual([
    false,
    false,
    true,
  ])
})

it('of all keys so many are remembered and no more, and those that are asked for stay', () => {
  const { isMade } = counting({ maxTemplates: 10, maxPerKey: 8 })
  const warm = anAllow(lists)
  const others = Array.from({ length: 100 }, () => anAllow({ ...lists, key: aKey() }))
  isMade(warm)
  for (const other of others) {
    isMade(other)
    expect(isMade(warm)).toBe(false)
  }
  const remembered = others.filter((other) => !isMade(other))
  expect(remembered.length).toBeLessThanOrEqual(20)
})
