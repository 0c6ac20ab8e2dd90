// What the model server may rely on: on every Allow each header that is ours is set, or removed with what the
// client planted.
import type { Allow } from '../check/decision.ts'
import { PROTOCOLS_HEADER } from '../check/websocket-protocols.ts'
import type { Headers } from './header-options.ts'

export type UpstreamHeaders = Readonly<{ set: Headers; remove: readonly string[] }>

/** Lower-case names. */
export type HeaderNames = Readonly<{
  /** All of them are removed, whichever carried the key; of the subprotocols of a websocket the key alone, request by request. */
  credentialHeaders: readonly string[]
  /** Says what x-latchkey-guardrails says once more. */
  guardrailHeader?: string | undefined
}>

/** The attestation is set last. */
export const upstreamHeaders = (
  allow: Allow,
  { credentialHeaders, guardrailHeader }: HeaderNames,
  attestation?: string,
): UpstreamHeaders => {
  const set = new Map<string, string>()
  const remove = new Set([...credentialHeaders, 'x-envoy-auth-failure-mode-allowed'])
  remove.delete(PROTOCOLS_HEADER)
  const values = OWN_HEADERS.map(([name, textOf]) => [name, textOf(allow)] as const)
  if (guardrailHeader !== undefined) values.push([guardrailHeader, guardrailsOf(allow)])
  for (const [name, value] of [...values, [ATTESTATION_HEADER, attestation] as const]) {
    if (value === undefined || value === '') remove.add(name)
    else set.set(name, value)
  }
  // Envoy removes a name that is in both, so the upstream would lose what it relies on.
  for (const name of set.keys())
    if (remove.has(name)) throw new Error(`header ${name} is both set and removed`)
  return { set, remove: [...remove] }
}

export const ATTESTATION_HEADER = 'x-latchkey-attestation'

const nothingYet = () => undefined
const guardrailsOf = ({ guardrails }: Allow) => guardrails.join(',')

/** Names that have no value yet are removed all the same: nobody may plant what a later version sets. */
const OWN_HEADERS: readonly (readonly [string, (allow: Allow) => string | undefined])[] = [
  ['x-latchkey-key-id', ({ key }) => key.id],
  ['x-latchkey-owner', ({ key }) => key.owners[0]?.path],
  ['x-latchkey-model', ({ model }) => model],
  ['x-latchkey-route', ({ route }) => route],
  ['x-latchkey-cached-prefix-tokens', nothingYet],
  ['x-latchkey-guardrails', guardrailsOf],
  ['x-latchkey-policy', ({ policies }) => policies.join(',')],
  ['x-latchkey-affinity', nothingYet],
]

export const OWN_HEADER_NAMES: readonly string[] = [...OWN_HEADERS.map(([name]) => name), ATTESTATION_HEADER]
