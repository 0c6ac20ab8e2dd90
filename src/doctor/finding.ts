// What a check of the doctor says: how it stands, what was found, and what to do about it.

export type Finding = Readonly<{
  /** The name of the check, for machines. */
  check: string
  state: 'ok' | 'warning' | 'fault' | 'skipped'
  found: string
  /** What to do; absent when nothing has to be done. */
  remedy: string | undefined
}>

export const fine = (check: string, found: string): Finding => ({
  check,
  state: 'ok',
  found,
  remedy: undefined,
})

/** It works, and will hurt one day. */
export const warning = (check: string, found: string, remedy: string): Finding => ({
  check,
  state: 'warning',
  found,
  remedy,
})

/** It does not work, or does what nobody wants. */
export const fault = (check: string, found: string, remedy: string): Finding => ({
  check,
  state: 'fault',
  found,
  remedy,
})

export const skipped = (check: string, why: string): Finding => ({
  check,
  state: 'skipped',
  found: why,
  remedy: undefined,
})

/** The mistakes of one check, or that there is none. */
export const orFine = (mistakes: readonly Finding[], check: string, found: string): readonly Finding[] =>
  mistakes.length > 0 ? mistakes : [fine(check, found)]

/** At most three of many names, and how many more there are. */
export const someOf = (names: readonly string[]): string =>
  names.length <= 4 ? names.join(', ') : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
