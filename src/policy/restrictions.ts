// What is asked of a request beside its model: where it goes, where it comes from, when. Compiled once, asked for each request.
import type { Hours } from './hours.ts'
import { isWithin, parseHours } from './hours.ts'
import type { Networks } from './network.ts'
import { isAddress, networksOf } from './network.ts'
import type { PathPattern, RequestTarget } from './path-pattern.ts'
import { admitsTarget, deniesTarget, isAmbiguousPath, namesTarget, parsePathPattern } from './path-pattern.ts'

/** Absent lists restrict nothing, empty ones admit nothing; a denial beats what any list admits. */
export type Restrictions = Readonly<{
  /** `POST /v1/chat/completions`, `GET /v1/files/*`, `/v1/*` */
  paths: readonly string[] | undefined
  deniedPaths: readonly string[]
  /** CIDR blocks or addresses. */
  networks: readonly string[] | undefined
  deniedNetworks: readonly string[]
  /** `Mon-Fri 08:00-18:00@Europe/Berlin`; of several any will do. */
  hours: readonly string[] | undefined
}>

export const NO_RESTRICTIONS: Restrictions = {
  paths: undefined,
  deniedPaths: [],
  networks: undefined,
  deniedNetworks: [],
  hours: undefined,
}

/** Those of a key, its owners and policies, joined: each list must admit, no denial may match. */
export type CompiledRestrictions = Readonly<{
  paths: PathRules | undefined
  networks: NetworkRules | undefined
  hours: readonly Listed<readonly Hours[]>[]
}>

/** `said`: as it was written. */
type Listed<T> = Readonly<{ said: readonly string[]; rules: T }>

export type PathRules = Readonly<{
  allowed: readonly Listed<readonly PathPattern[]>[]
  denied: readonly Listed<readonly PathPattern[]>[]
}>

export type NetworkRules = Readonly<{
  allowed: readonly Listed<Networks>[]
  denied: readonly Listed<Networks>[]
}>

/** undefined when none of them restricts anything. Throws when an entry is not of its form, which whoever wrote it has checked. */
export const compileRestrictions = (all: readonly Restrictions[]): CompiledRestrictions | undefined => {
  const sources = all.filter((source) => !isUnrestricted(source))
  if (sources.length === 0) return undefined
  const paths = {
    allowed: listed(
      sources.map((source) => source.paths),
      patternsOf,
    ),
    denied: listed(
      sources.map((source) => unlessEmpty(source.deniedPaths)),
      patternsOf,
    ),
  }
  const networks = {
    allowed: listed(
      sources.map((source) => source.networks),
      networkListOf,
    ),
    denied: listed(
      sources.map((source) => unlessEmpty(source.deniedNetworks)),
      networkListOf,
    ),
  }
  return {
    paths: isEmpty(paths) ? undefined : paths,
    networks: isEmpty(networks) ? undefined : networks,
    hours: listed(
      sources.map((source) => source.hours),
      hoursOf,
    ),
  }
}

export const isUnrestricted = (source: Restrictions): boolean =>
  source.paths === undefined &&
  source.networks === undefined &&
  source.hours === undefined &&
  source.deniedPaths.length === 0 &&
  source.deniedNetworks.length === 0

/** What keeps the request out, in words for the operator, or undefined. Under a rule about paths an ambiguous one is admitted by nothing. */
export const pathRefusal = ({ allowed, denied }: PathRules, target: RequestTarget): string | undefined => {
  if (isAmbiguousPath(target.path)) return 'the path can be read in more than one way'
  const missing = allowed.find(({ rules }) => !admitsTarget(rules, target))
  if (missing !== undefined) return `paths admit ${inWords(missing)}`
  const denial = denied.find(({ rules }) => deniesTarget(rules, target))
  return denial && `paths deny ${inWords(denial)}`
}

/** An address that nobody can tell, undefined or no address at all, is in no network, and may be in one that is denied. */
export const networkRefusal = (
  { allowed, denied }: NetworkRules,
  address: string | undefined,
): string | undefined => {
  if (address === undefined || !isAddress(address)) return 'the address of the client cannot be told'
  const missing = allowed.find(({ rules }) => !rules.hold(address))
  if (missing !== undefined) return `networks admit ${inWords(missing)}`
  const denial = denied.find(({ rules }) => rules.hold(address))
  return denial && `networks deny ${inWords(denial)}`
}

export const hoursRefusal = (
  { hours }: Pick<CompiledRestrictions, 'hours'>,
  nowMs: number,
): string | undefined => {
  const missing = hours.find(({ rules }) => !isWithin(rules, nowMs))
  return missing === undefined ? undefined : `hours admit ${inWords(missing)}`
}

/** Whether a list names this very path, without a star. */
export const namesPath = ({ allowed }: PathRules, target: RequestTarget): boolean =>
  allowed.some(({ rules }) => namesTarget(rules, target))

const inWords = ({ said }: Listed<unknown>): string => said.join(', ') || 'nothing'

const isEmpty = ({
  allowed,
  denied,
}: Readonly<{ allowed: readonly unknown[]; denied: readonly unknown[] }>): boolean =>
  allowed.length === 0 && denied.length === 0

const unlessEmpty = (list: readonly string[]) => (list.length === 0 ? undefined : list)

const listed = <T>(
  lists: readonly (readonly string[] | undefined)[],
  compile: (list: readonly string[]) => T,
): readonly Listed<T>[] =>
  lists.filter((list) => list !== undefined).map((said) => ({ said, rules: compile(said) }))

/** Once for a list: that of a policy is shared by all keys it applies to, and 256 networks take some hundred kilobytes. */
const once = <T extends object>(compile: (list: readonly string[]) => T) => {
  const held = new WeakMap<readonly string[], T>()
  return (list: readonly string[]): T => {
    const known = held.get(list)
    if (known !== undefined) return known
    const made = compile(list)
    held.set(list, made)
    return made
  }
}

const orThrow =
  <T>(parse: (text: string) => T | undefined) =>
  (text: string): T => {
    const parsed = parse(text)
    if (parsed === undefined)
      throw new TypeError(`${JSON.stringify(text)} is no rule that this program knows`)
    return parsed
  }

const patternsOf = once((list): readonly PathPattern[] => list.map(orThrow(parsePathPattern)))
const networkListOf = once(networksOf)
const hoursOf = once((list): readonly Hours[] => list.map(orThrow(parseHours)))
