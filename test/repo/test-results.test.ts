// The closing line of `make test` counts everything that went wrong.
import { describe, expect, it } from 'vitest'
import { countResults } from '../../tools/test-results.ts'

const report = (over: object) => ({
  numPassedTests: 3,
  numFailedTests: 0,
  numPendingTests: 0,
  numTodoTests: 0,
  testResults: [{ status: 'passed', assertionResults: [{ status: 'passed' }] }],
  ...over,
})

describe('the closing line', () => {
  it('counts passed, failed and skipped tests', () => {
    const results = countResults(report({ numFailedTests: 2, numPendingTests: 1, numTodoTests: 1 }), false)
    expect(results).toEqual({ passed: 3, failed: 2, skipped: 2 })
  })

  it('counts a file that could not be loaded as failed', () => {
    const broken = { status: 'failed', assertionResults: [] }
    expect(countResults(report({ testResults: [broken] }), false)).toMatchObject({ failed: 1 })
  })

  it('counts a failed file once when one of its tests failed', () => {
    const failed = { status: 'failed', assertionResults: [{ status: 'failed' }] }
    expect(countResults(report({ numFailedTests: 1, testResults: [failed] }), false)).toMatchObject({
      failed: 1,
    })
  })

  it('counts a run that ended badly although every test passed', () => {
    expect(countResults(report({}), false)).toMatchObject({ passed: 3, failed: 1 })
  })

  it('counts a run that left no report as failed', () => {
    expect(countResults(undefined, true)).toEqual({ passed: 0, failed: 1, skipped: 0 })
  })

  it('fails nothing when all went well', () => {
    expect(countResults(report({}), true)).toEqual({ passed: 3, failed: 0, skipped: 0 })
  })
})
