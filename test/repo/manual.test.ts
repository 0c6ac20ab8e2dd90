// The manual says what the code does: settings, reasons, headers and names are held against their source.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { deny, REASONS } from '../../src/check/decision.ts'
import { WOULD_DENY_HEADER } from '../../src/grpc/allow-answers.ts'
import { factsOf } from '../../src/grpc/check-response.ts'
import { OWN_HEADER_NAMES } from '../../src/grpc/upstream-headers.ts'
import { ATTRIBUTE, EVENT, METRIC, SPAN } from '../../src/telemetry/names.ts'
import { withSettings } from '../../tools/settings-table.ts'
import { answered } from '../support/answered.ts'
import { anAllow, arbitraryDecision } from '../support/decisions.ts'
import { MANUAL_PAGES } from '../support/manual-pages.ts'
import { aKey, aQuota, aState } from '../support/virtual-keys.ts'

const read = (path: string) => readFileSync(path, 'utf8')

describe('the manual', () => {
  it('lists every setting with its form and default (npm run docs writes it)', () => {
    const page = read('docs/configuration.md')
    expect(withSettings(page)).toBe(page)
  })

  it('lists every reason with its status and what an SDK is told', () => {
    const rows = [...read('docs/answers.md').matchAll(/^\| `(\w+)` \| (\d{3}) \| ([\w ]+) \|/gm)]
    const told = rows.map(([, reason, status, retry]) => [reason, Number(status), retry])
    const words = { true: 'yes', false: 'no', undefined: 'as it likes' }
    const real = Object.entries(REASONS).map(([reason, { status, retry }]) => [
      reason,
      status,
      words[`${retry}`],
    ])
    expect(told).toEqual(real)
  })

  it('names every span, event, attribute and metric', () => {
    const page = read('docs/telemetry.md')
    expect(NAMES.filter((name) => !page.includes(`\`${name}\``))).toEqual([])
  })

  it('names nothing of ours that does not exist', () => {
    const told = [...read('docs/telemetry.md').matchAll(/`((?:latchkey|rpc)\.[a-z_.]+)`/g)].map(
      ([, name]) => name ?? '',
    )
    expect(told.filter((name) => !NAMES.includes(name))).toEqual([])
  })

  it('tells the model server every header of ours', () => {
    const page = read('docs/envoy.md')
    expect(OWN_HEADER_NAMES.filter((name) => !page.includes(`\`${name}\``))).toEqual([])
  })

  it('tells clients every header that an answer may have', () => {
    const headers = fc.sample(answer, { numRuns: 500, seed: 1 }).flatMap(({ httpResponse }) => {
      if (httpResponse?.$case === 'okResponse') return httpResponse.value.responseHeadersToAdd
      return httpResponse?.$case === 'deniedResponse' ? httpResponse.value.headers : []
    })
    const names = new Set([...headers.map(({ header }) => header?.key ?? ''), WOULD_DENY_HEADER])
    names.delete('content-type')
    expect(names.size).toBeGreaterThan(9)
    const page = read('docs/answers.md').toLowerCase()
    expect([...names].filter((name) => !page.includes(`\`${name}`))).toEqual([])
  })

  it('tells later filters every fact', () => {
    const labelled = { key: aKey({ labels: { plan: 'gold' }, quotas: [aQuota({ period: 'minute' })] }) }
    const would = deny('quota_exhausted', 'spent')
    const allow = anAllow({ ...labelled, model: 'm', failedOpen: true, wouldDeny: would })
    const facts = [allow, would].map((decision) => factsOf(decision, { decisionId: 'dec_1', stale: true }))
    const names = new Set(facts.flatMap(Object.keys).map((name) => name.replace('label.plan', 'label.NAME')))
    const told =
      read('docs/envoy.md')
        .match(/^\| (?:`\w[\w.]*`(?:, )?)+ \|/gm)
        ?.join('') ?? ''
    expect([...names].filter((name) => !told.includes(`\`${name}\``))).toEqual([])
    expect(names.size).toBe(11)
  })

  it.each(MANUAL_PAGES)('%s links to what exists', (page) => {
    const links = [...read(page).matchAll(/\]\((?!https?:)([^)#\s]+)?(?:#([^)\s]+))?\)/g)]
    const broken = links.filter(([, path, anchor]) => {
      const target = path === undefined ? page : join(dirname(page), path)
      return !existsSync(target) || (anchor !== undefined && !anchorsOf(target).includes(anchor))
    })
    expect(broken.map(([link]) => link)).toEqual([])
  })
})

/** Some of them near a limit. */
const answer = fc
  .record({ decision: arbitraryDecision, shape: fc.constantFrom('openai', 'anthropic', 'google') })
  .map(({ decision, shape }) => {
    const near = [{ state: aState(), percent: 90 }]
    const context = { shape, decisionId: ID, credentialHeaders: ['authorization'], nowMs: 0, stale: false }
    return answered(decision.outcome === 'allow' ? { ...decision, near } : decision, context)
  })

const ID = 'dec_00000000-0000-4000-8000-000000000001'

const NAMES: readonly string[] = [SPAN, EVENT, ATTRIBUTE, METRIC].flatMap((names) => Object.values(names))

/** Anchors as the usual viewers of Markdown make them. */
const anchorsOf = (path: string): readonly string[] =>
  [...read(path).matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  )
