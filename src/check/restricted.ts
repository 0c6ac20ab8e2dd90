// Is this path, this address, this hour admitted: the rules that look at no model. Part of step six of a Check.
import type { Clock } from '../kernel/clock.ts'
import type { VirtualKey } from '../keys/virtual-key.ts'
import type { CompiledRestrictions } from '../policy/restrictions.ts'
import { hoursRefusal, networkRefusal, pathRefusal } from '../policy/restrictions.ts'
import type { AuthRequest } from './auth-request.ts'
import { clientAddressOf } from './client-address.ts'
import type { Deny } from './decision.ts'
import { deny } from './decision.ts'
import { quoted } from './quoted.ts'
import { resourcePathOf } from './resource-path.ts'

export type RestrictionDeps = Readonly<{
  clock: Pick<Clock, 'now'>
  /** Which entry of x-forwarded-for is the client, from its end; 0: none is trusted. */
  forwardedForDepth: number
}>

/** Hears of each step that was passed, and what decided it. */
export type Tell = (step: 'path' | 'network' | 'hours' | 'model' | 'guardrails', value: () => string) => void

/** A Deny names what was asked, never what others may use; the rule stands in its detail, which only the operator sees. */
export const denyRestricted = (
  request: AuthRequest,
  key: VirtualKey,
  restrictions: CompiledRestrictions,
  { clock, forwardedForDepth }: RestrictionDeps,
  tell?: Tell,
): Deny | undefined => {
  const { paths, networks, hours } = restrictions
  if (paths !== undefined) {
    const detail = pathRefusal(paths, { method: request.method, path: resourcePathOf(request.path) })
    if (detail !== undefined) return denyPath(request, key, detail)
    tell?.('path', () => `${request.method} ${resourcePathOf(request.path)} is admitted`)
  }
  if (networks !== undefined) {
    const address = clientAddressOf(request, forwardedForDepth)
    const detail = networkRefusal(networks, address)
    if (detail !== undefined) return denyNetwork(address, key, detail)
    tell?.('network', () => `${address} is admitted`)
  }
  if (hours.length > 0) {
    const nowMs = clock.now()
    const detail = hoursRefusal(restrictions, nowMs)
    if (detail !== undefined) return denyHours(key, `${new Date(nowMs).toISOString()}: ${detail}`)
    tell?.('hours', () => `${new Date(nowMs).toISOString()} is admitted`)
  }
  return undefined
}

/** By which some servers are told another method or path than the request has. */
const OVERRIDES = [
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
  'x-original-url',
  'x-rewrite-url',
]

/** Asked wherever something is decided by method and path. */
export const denyOverride = (request: AuthRequest, key: VirtualKey): Deny | undefined => {
  const name = OVERRIDES.find((header) => request.headers.has(header))
  return name === undefined
    ? undefined
    : denyPath(request, key, `the header ${name} can name another method or path`)
}

export const denyPath = ({ method, path }: AuthRequest, key: VirtualKey, detail?: string): Deny =>
  deny('path_not_allowed', `${quoted(`${method} ${path}`)} is not allowed for this API key.`, {
    key,
    ...(detail === undefined ? {} : { detail }),
  })

const denyNetwork = (address: string | undefined, key: VirtualKey, detail: string): Deny =>
  deny(
    'network_not_allowed',
    address === undefined
      ? 'Requests from an unknown address are not allowed for this API key.'
      : `Requests from ${quoted(address)} are not allowed for this API key.`,
    { key, detail },
  )

const denyHours = (key: VirtualKey, detail: string): Deny =>
  deny('outside_hours', 'This API key may not be used at this time.', { key, detail })
