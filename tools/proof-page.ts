// Writes docs/proof.md: what was proved, with which command, at which commit.
import { writeFileSync } from 'node:fs'
import type { Figure } from '../test/support/figures.ts'
import { machine } from './machine.ts'
import { markdownTable } from './markdown-table.ts'
import { CASES } from './prove-cases.ts'
import type { Results } from './test-results.ts'

export type CaseResult = Results & Readonly<{ name: string; seconds: number; figures: readonly Figure[] }>

/** Cases that were not run at this commit are shown as such, never left out. */
export const writeProof = (commit: string, results: readonly (CaseResult | undefined)[]): void => {
  const of = (name: string) => results.find((result) => result?.name === name)
  const cases = CASES.map(({ name, guarantee }) => {
    const result = of(name)
    const outcome = result === undefined ? 'not run' : `${result.passed} passed, ${result.failed} failed`
    return [
      guarantee,
      outcome,
      result === undefined ? '' : `${result.seconds} s`,
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

What \`make prove\` saw. It writes this page; what it shows belongs to one commit and one machine.

Commit \`${commit}\` · ${machine()}

## Cases

${markdownTable(['What holds', 'Tests', 'Took', 'Command'], cases)}

## Figures

${figures.length === 0 ? 'None were recorded.' : markdownTable(['Figure', 'Value', 'Command'], figures)}
`,
  )
}
