// What is asked of a request beside its model: where it goes, where it comes from, when. Compiled once, asked for each request.
import type { Hours } from './hours.ts'
import { isWithin, parseHours } from './hours.ts'
import type { Networks } from './network.ts'
import { networksOf } from './network.ts'
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
  /** Empty: at any time. */
  hours: readonly (readonly Hours[])[]
}>

type PathRules = Readonly<{ allowed: readonly (readonly PathPattern[])[]; denied: readonly PathPattern[] }>
type NetworkRules = Readonly<{ allowed: readonly Networks[]; denied: Networks }>

/** undefined when none of them restricts anything. Throws when an entry is not of its form, which whoever wrote it has checked. */
export const compileRestrictions = (all: readonly Restrictions[]): CompiledRestrictions | undefined => {
  const sources = all.filter((source) => !isUnrestricted(source))
  if (sources.length === 0) return undefined
  const paths = {
    allowed: present(sources.map((source) => source.paths)).map(patternsOf),
    denied: patternsOf(sources.flatMap((source) => source.deniedPaths)),
  }
  const deniedNetworks = sources.flatMap((source) => source.deniedNetworks)
  const networks = {
    allowed: present(sources.map((source) => source.networks)).map(networksOf),
    denied: networksOf(deniedNetworks),
  }
  const hours = present(sources.map((source) => source.hours)).map(hoursOf)
  return {
    paths: paths.allowed.length + paths.denied.length > 0 ? paths : undefined,
    networks: networks.allowed.length + deniedNetworks.length > 0 ? networks : undefined,
    hours,
  }
}

export const isUnrestricted = (source: Restrictions): boolean =>
  source.paths === undefined &&
  source.networks === undefined &&
  source.hours === undefined &&
  source.deniedPaths.length === 0 &&
  source.deniedNetworks.length === 0

/** Under a rule about paths one that can be read in two ways is admitted by nothing. */
export const admitsPath = ({ allowed, denied }: PathRules, target: RequestTarget): boolean =>
  !isAmbiguousPath(target.path) &&
  allowed.every((patterns) => admitsTarget(patterns, target)) &&
  !deniesTarget(denied, target)

/** An address that nobody can tell is in no network, and may be in one that is denied. */
export const admitsNetwork = ({ allowed, denied }: NetworkRules, address: string | undefined): boolean =>
  address !== undefined && allowed.every((networks) => networks.hold(address)) && !denied.hold(address)

export const admitsInstant = ({ hours }: CompiledRestrictions, nowMs: number): boolean =>
  hours.every((list) => isWithin(list, nowMs))

/** Whether a list names this very path, without a star. */
export const namesPath = ({ paths }: CompiledRestrictions, target: RequestTarget): boolean =>
  paths !== undefined && paths.allowed.some((patterns) => namesTarget(patterns, target))

const present = <T>(lists: readonly (T | undefined)[]): readonly T[] =>
  lists.filter((list) => list !== undefined)

const patternsOf = (list: readonly string[]): readonly PathPattern[] => list.map(orThrow(parsePathPattern))
const hoursOf = (list: readonly string[]): readonly Hours[] => list.map(orThrow(parseHours))

const orThrow =
  <T>(parse: (text: string) => T | undefined) =>
  (text: string): T => {
    const parsed = parse(text)
    if (parsed === undefined) throw new TypeError(`${JSON.stringify(text)} is no rule that this program knows`)
    return parsed
  }
