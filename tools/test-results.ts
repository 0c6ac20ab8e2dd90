// Counts what a vitest JSON report says, so that nothing that went wrong can look like nothing that ran.

export type Results = Readonly<{ passed: number; failed: number; skipped: number }>

/**
 * `report` is the parsed file, or undefined when there is none. A file that could not be loaded counts as one failure, and so
 * does a run that ended badly without a failed test: an unhandled error, a leak, a crash.
 */
export const countResults = (report: unknown, exitedCleanly: boolean): Results => {
  if (!isReport(report)) return { passed: 0, failed: 1, skipped: 0 }
  const brokenFiles = report.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.every(({ status }) => status !== 'failed'),
  ).length
  const counted = report.numFailedTests + brokenFiles
  return {
    passed: report.numPassedTests,
    failed: counted === 0 && !exitedCleanly ? 1 : counted,
    skipped: report.numPendingTests + report.numTodoTests,
  }
}

type Report = Readonly<{
  numPassedTests: number
  numFailedTests: number
  numPendingTests: number
  numTodoTests: number
  testResults: readonly Readonly<{
    status: string
    assertionResults: readonly Readonly<{ status: string }>[]
  }>[]
}>

const isReport = (value: unknown): value is Report =>
  typeof value === 'object' && value !== null && 'numPassedTests' in value && 'testResults' in value
