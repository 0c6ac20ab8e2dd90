// Writes docs/proof.md: what was proved, with which command, at which commit.
import { writeFileSync } from 'node:fs'
import type { Figure } from '../test/support/figures.ts'
import { machine } from './machine.ts'
import { markdownTable } from './markdown-table.ts'
import { CASES } from './prove-cases.ts'
import type { Results } from './test-results.ts'

export type CaseResult = Results & Readonly<{ name: string; seconds: number; figures: readonly Figure[] }>

/** `commit`: at which it was run. */
export type ProvedCase = CaseResult & Readonly<{ commit: string }>

/** Cases that were not run are shown as such, never left out; each that was, with its own commit. */
export const writeProof = (commit: string, results: readonly (ProvedCase | undefined)[]): void => {
  const of = (name: string) => results.find((result) => result?.name === name)
  const cases = CASES.map(({ name, guarantee }) => {
    const result = of(name)
    const outcome = result === undefined ? 'not run' : `${result.passed} passed, ${result.failed} failed`
    return [
      guarantee,
      outcome,
      result === undefined ? '' : `${result.seconds} s`,
      result === undefined ? '' : `\`${result.commit}\``,
      `\`make prove CASE=${name}\``,
    ]
  })
  const figures = results.flatMap((result) =>
    (result?.figures ?? []).map((figure) => [
      figure.name,
      `${figure.value}${figure.unit === undefined ? '' : ` ${figure.unit}`}`,
      `\`${figure.command ?? `make prove CASE=${result?.name}`}\``,
    ]),
  )
  writeFileSync(
    'docs/proof.md',
    `# Proof

What \`make prove\` saw. It writes this page; each case belongs to the commit it was run at, a figure to that of its case.

Written at \`${commit}\` · ${machine()}

## Cases

${markdownTable(['What holds', 'Tests', 'Took', 'Commit', 'Command'], cases)}

## Figures

${figures.length === 0 ? 'None were recorded.' : markdownTable(['Figure', 'Value', 'Command'], figures)}
`,
  )
}
