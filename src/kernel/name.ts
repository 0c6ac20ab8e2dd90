// The rule for names of owners, policies, guardrails and routes.
import { Rejection } from './failure.ts'

const NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/

/** Returns the name, or throws a Rejection that says what a name looks like. `what` is the noun: "policy", "guardrail". */
export const parseName = (what: string, name: string): string => {
  if (NAME.test(name)) return name
  throw new Rejection(
    'invalid',
    `${what} name ${JSON.stringify(name.slice(0, 128))} must be 1 to 63 of a-z 0-9 . _ - and begin with a letter or digit`,
  )
}

export const MAX_OWNER_DEPTH = 3

/** An owner's path: organisation, organisation/team or organisation/team/user. */
export const parseOwnerPath = (path: string): string => {
  const names = path.split('/')
  if (names.length > MAX_OWNER_DEPTH)
    throw new Rejection(
      'invalid',
      `owner ${JSON.stringify(path.slice(0, 200))} has more than ${MAX_OWNER_DEPTH} levels`,
    )
  for (const name of names) parseName('owner', name)
  return path
}
