// Pages of several workers as one page: what is added up, and of what the greatest is told.
import { expect, test } from 'vitest'
import { countsOf, readPage, sumOfPages, writePage } from '../../src/workers/metrics-page.ts'

const pageOf = (scale: number, more = '') => `# HELP latchkey_checks_total Checks
# TYPE latchkey_checks_total counter
latchkey_checks_total{decision="allow",reason="a \\"b\\" c"} ${scale}
${more}# HELP latchkey_check_duration_seconds Time
# UNIT latchkey_check_duration_seconds s
# TYPE latchkey_check_duration_seconds histogram
latchkey_check_duration_seconds_count ${scale * 2}
latchkey_check_duration_seconds_sum ${scale / 2}
latchkey_check_duration_seconds_bucket{le="0.001"} ${scale}
latchkey_check_duration_seconds_bucket{le="+Inf"} ${scale * 2}
# HELP latchkey_checks_in_flight Now
# TYPE latchkey_checks_in_flight gauge
latchkey_checks_in_flight ${scale}
# HELP latchkey_feed_staleness_seconds Time
# UNIT latchkey_feed_staleness_seconds s
# TYPE latchkey_feed_staleness_seconds gauge
latchkey_feed_staleness_seconds ${scale}
# HELP latchkey_build_info Always 1
# TYPE latchkey_build_info gauge
latchkey_build_info{version="1"} 1
`

test('a page that is read and written is the same page', () => {
  expect(writePage(readPage(pageOf(3)))).toBe(pageOf(3))
})

test('counts are added up, a series of one page alone too; of states the greatest is told', () => {
  const sum = writePage(
    sumOfPages([readPage(pageOf(3)), readPage(pageOf(4, 'latchkey_checks_total{x="y"} 9\n'))]),
  )
  const expected = pageOf(7, 'latchkey_checks_total{x="y"} 9\n').replace(
    'staleness_seconds 7',
    'staleness_seconds 4',
  )
  expect(sum).toBe(expected)
})

test('the counts of a worker are what is left of it', () => {
  const left = writePage(countsOf(readPage(pageOf(3))))
  expect(left).toContain('latchkey_check_duration_seconds_bucket{le="+Inf"} 6\n')
  expect(left).not.toMatch(/in_flight|staleness|build_info/)
})
