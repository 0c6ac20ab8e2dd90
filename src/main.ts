// argv to a command; sets the exit code.

/** The first release of which everything we use is a settled part; the package's engines say the same. */
const LEAST_NODE = 24

// A reader that has seen enough, such as head, is no error worth a stack.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(1)
  throw error
})

const run = async (): Promise<number> => {
  const { version } = process
  if (Number.parseInt(version.slice(1), 10) < LEAST_NODE) {
    process.stderr.write(`latchkey: this is Node ${version}; Node ${LEAST_NODE} or later is needed\n`)
    return 69
  }
  // Loaded late, because an older Node could not even read what this imports.
  const [{ createOutput }, { runCommand }] = await Promise.all([
    import('./cli/output.ts'),
    import('./cli/program.ts'),
  ])
  return runCommand(process.argv.slice(2), { output: createOutput(process) })
}

// Not process.exit: what was written may still be on its way into a pipe.
process.exitCode = await run()
