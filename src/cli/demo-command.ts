// latchkey demo: see src/cli/demo.ts.
import type { Command } from 'commander'
import type { CommandContext } from './command-context.ts'

export const addDemo = (program: Command, { output }: CommandContext): void => {
  program
    .command('demo')
    .description(
      'run Latchkey on an embedded store with a real Envoy and mock model servers, and say what to paste',
    )
    .action(async () => {
      const { runDemo } = await import('./demo.ts')
      await runDemo({ write: (text) => output.line(text.replace(/\n$/, '')) })
    })
}
