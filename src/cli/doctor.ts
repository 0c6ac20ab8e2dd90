// latchkey doctor: what is wrong, and what to do about it.
import type { Command } from 'commander'
import type { Finding } from '../doctor/finding.ts'
import type { CommandContext, StoreFlags } from './command-context.ts'
import { storeCommand } from './command-context.ts'
import { counted } from './counted.ts'
import { CommandEnded } from './exit-code.ts'
import type { Output } from './output.ts'
import { toJson } from './print.ts'

type Flags = StoreFlags & Readonly<{ envoy?: string; verbose?: boolean }>

export const addDoctor = (program: Command, context: CommandContext): void => {
  storeCommand(program, 'doctor', 'look for common mistakes, and say what to do; changes nothing')
    .option('--envoy <file>', "look through this bootstrap of Envoy's too, YAML or JSON")
    .option('--verbose', 'tell also what is fine and what was not looked at')
    .option('--json', 'every check as a JSON array')
    .action((flags: Flags) => runDoctor(flags, context))
}

const runDoctor = async (flags: Flags, { output }: CommandContext): Promise<void> => {
  const { examine } = await import('../doctor/doctor.ts')
  const { findings, storeReached } = await examine({
    flags: { config: flags.config, database_url: flags.databaseUrl },
    envoyFile: flags.envoy,
  })
  if (flags.json === true) output.line(`[${findings.map((finding) => toJson(finding)).join(',\n ')}]`)
  else {
    for (const finding of findings)
      if (flags.verbose === true || finding.remedy !== undefined) tell(output, finding)
    output.note(summaryOf(findings))
  }
  if (!storeReached) throw new CommandEnded(69)
  if (findings.some(({ state }) => state === 'fault')) throw new CommandEnded(1)
}

const tell = (output: Output, { check, state, found, remedy }: Finding): void => {
  output.line(`${state.padEnd(7)}  ${check}: ${found}`)
  if (remedy !== undefined) output.line(`${' '.repeat(9)}→ ${remedy}`)
}

const summaryOf = (findings: readonly Finding[]): string => {
  const count = (wanted: Finding['state']) => findings.filter(({ state }) => state === wanted).length
  const [faults, warnings] = [count('fault'), count('warning')]
  const words = [
    counted(faults, 'fault'),
    counted(warnings, 'warning'),
    `${count('ok')} fine`,
    `${count('skipped')} skipped`,
  ]
  return words.join(', ')
}
