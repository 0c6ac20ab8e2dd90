// Exit codes, and the words for what went wrong.
import { CommanderError } from 'commander'
import { Failure, Rejection } from '../kernel/failure.ts'

export type ExitCode = 0 | 1 | 2 | 64 | 69

/** 1 failed, 2 there is a difference, 64 usage or configuration, 69 a dependency is unavailable (sysexits.h). */
export const exitCodeOf = (error: unknown): ExitCode => {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 64
  if (error instanceof WorkersEnded || error instanceof CommandEnded) return error.code
  if (error instanceof Rejection) return error.code === 'invalid' ? 64 : 1
  return error instanceof Failure ? 69 : 1
}

/** A command told all there is to tell, and this is how it ends. */
export class CommandEnded extends Error {
  override readonly name = 'CommandEnded'
  readonly code: ExitCode

  constructor(code: ExitCode) {
    super()
    this.code = code
  }
}

/** Other processes were run, and one of them is why this ends; without `words` it told so itself. */
export class WorkersEnded extends Error {
  override readonly name = 'WorkersEnded'
  readonly code: ExitCode
  readonly words: string | undefined

  constructor(code: number, words: string | undefined) {
    super(words)
    this.code = code === 64 || code === 69 ? code : 1
    this.words = words
  }
}

/** undefined when it was told already: commander writes its own errors. */
export const explainError = (error: unknown): string | undefined => {
  if (error instanceof WorkersEnded) return error.words
  if (error instanceof CommanderError || error instanceof CommandEnded) return undefined
  if (error instanceof Rejection) return error.message
  if (error instanceof Failure) return withCause(error)
  return error instanceof Error
    ? `internal error: ${error.stack ?? error.message}`
    : `internal error: ${String(error)}`
}

const withCause = ({ message, cause }: Failure): string => {
  const why = cause instanceof Error ? cause.message : ''
  return why === '' || message.includes(why) ? message : `${message}: ${why}`
}
