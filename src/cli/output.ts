// What a command writes: results to stdout, everything else that it says to stderr.

export type Output = Readonly<{
  /** A result, for a pipe. */
  line(text: string): void
  /** A remark, for the person at the terminal. */
  note(text: string): void
}>

export const createOutput = (streams: {
  stdout: NodeJS.WritableStream
  stderr: NodeJS.WritableStream
}): Output => ({
  line: (text) => {
    streams.stdout.write(`${text}\n`)
  },
  note: (text) => {
    streams.stderr.write(`${text}\n`)
  },
})
