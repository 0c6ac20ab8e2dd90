// Restrictions as people give them, checked: a rule that nobody can read must not be kept.
import { Rejection } from '../../kernel/failure.ts'
import { parseHours } from '../../policy/hours.ts'
import { parseNetwork } from '../../policy/network.ts'
import { isAmbiguousPath, parsePathPattern } from '../../policy/path-pattern.ts'
import type { Restrictions } from '../../policy/restrictions.ts'
import { distinct } from './distinct.ts'

export const parseRestrictions = (rules: Restrictions): Restrictions => ({
  paths: optional('paths', rules.paths, parsePath),
  deniedPaths: parsed('denied paths', rules.deniedPaths, parsePath),
  networks: optional('networks', rules.networks, parseBlock),
  deniedNetworks: parsed('denied networks', rules.deniedNetworks, parseBlock),
  hours: optional('hours', rules.hours, parseTimes),
})

const parsed = (what: string, list: readonly string[], parse: (entry: string) => string): readonly string[] =>
  distinct(what, list.map(parse))

const optional = (what: string, list: readonly string[] | undefined, parse: (entry: string) => string) =>
  list === undefined ? undefined : parsed(what, list, parse)

const parsePath = (text: string): string => {
  const pattern = parsePathPattern(text)
  // A request with an ambiguous path is refused whatever the rule, so the rule would say what never happens.
  if (pattern !== undefined && (pattern.path === '*' || !isAmbiguousPath(pattern.path))) return text
  throw refused(
    'path pattern',
    text,
    'must be a path such as /v1/chat/completions or GET /v1/files/*, with * for any characters, without query, and none of //, /./, /../ or ; in it',
  )
}

const parseBlock = (text: string): string => {
  if (parseNetwork(text) !== undefined) return text
  throw refused('network', text, 'must be an address or a CIDR block such as 10.0.0.0/8 or 2001:db8::/32')
}

const parseTimes = (text: string): string => {
  if (parseHours(text) !== undefined) return text
  throw refused('hours', text, 'must be such as 08:00-18:00 or Mon-Fri 08:00-18:00@Europe/Berlin')
}

const refused = (what: string, text: string, rule: string): Rejection =>
  new Rejection('invalid', `${what} ${JSON.stringify(text.slice(0, 128))} ${rule}`)
