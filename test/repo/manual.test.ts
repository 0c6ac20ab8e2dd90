// The manual says what the code does: settings, reasons, headers and names are held against their source.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { REASONS } from '../../src/check/decision.ts'
import { OWN_HEADER_NAMES } from '../../src/grpc/upstream-headers.ts'
import { ATTRIBUTE, EVENT, METRIC, SPAN } from '../../src/telemetry/names.ts'
import { withSettings } from '../../tools/settings-table.ts'
import { MANUAL_PAGES } from '../support/manual-pages.ts'

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

  it.each(MANUAL_PAGES)('%s links to what exists', (page) => {
    const links = [...read(page).matchAll(/\]\((?!https?:)([^)#\s]+)?(?:#([^)\s]+))?\)/g)]
    const broken = links.filter(([, path, anchor]) => {
      const target = path === undefined ? page : join(dirname(page), path)
      return !existsSync(target) || (anchor !== undefined && !anchorsOf(target).includes(anchor))
    })
    expect(broken.map(([link]) => link)).toEqual([])
  })
})

const NAMES: readonly string[] = [SPAN, EVENT, ATTRIBUTE, METRIC].flatMap((names) => Object.values(names))

/** Anchors as the usual viewers of Markdown make them. */
const anchorsOf = (path: string): readonly string[] =>
  [...read(path).matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  )
