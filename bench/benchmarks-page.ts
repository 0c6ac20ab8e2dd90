// Lays out what was measured at a commit, part by part, each with its command: docs/benchmarks.md.
import { machine } from '../tools/machine.ts'
import { barsTable } from './bars.ts'
import { keptPart } from './kept.ts'
import { checksSection, quotasSection } from './page-checks.ts'
import { envoySection, laneSection, phasesSection, startupSection, workersSection } from './page-lane.ts'
import type { Part, PartFigures } from './parts.ts'

export const benchmarksPage = (commit: string): string => `# Benchmarks

What \`make bench\` measured. It writes this page; the figures belong to one commit and one machine.

Commit \`${commit}\` · ${machine()} · medians of interleaved rounds (least … most)

## The lane

What is asked of the transport of our own, and what it reached:

${barsTable(commit)}

${section(commit, 'lane', laneSection)}

## Phases of a Check

${section(commit, 'phases', phasesSection)}

## Through Envoy

${section(commit, 'envoy', envoySection)}

## Workers

${section(commit, 'workers', workersSection)}

## Starts

${section(commit, 'startup', startupSection)}

## Checks

${section(commit, 'checks', checksSection)}

## Quotas

${section(commit, 'quotas', quotasSection)}

Command for all of it: \`make bench\`
`

const section = <Name extends Part>(
  commit: string,
  name: Name,
  words: (figures: PartFigures[Name]) => string,
): string => {
  const kept = keptPart(commit, name)
  const command = `\`make bench PART=${name}\``
  if (kept === undefined) return `Not measured at this commit: ${command}`
  const rounds = kept.rounds === 1 ? 'once' : `${kept.rounds} rounds`
  return `${words(kept.figures)}\n\nCommand: ${command}, ${rounds}`
}
