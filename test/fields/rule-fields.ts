// Every rule that can be written, with a value under which the request passes and one under which it does not.
import type { DenyReason } from '../../src/check/decision.ts'
import { DAYS } from '../../src/policy/hours.ts'
import type { Rules } from '../../src/policy/policy.ts'
import type { Asked } from './field-world.ts'

export type RuleCase = Readonly<{
  /** What of the field it is about. */
  of: string
  admits: Partial<Rules>
  refuses: Partial<Rules>
  reason: DenyReason
  asked?: Asked
}>

const NOW_MS = Date.now()
const HOUR_MS = 3_600_000

/** `HH:00`, so many hours from the one that runs. */
const hour = (fromNow: number): string =>
  `${new Date(NOW_MS + fromNow * HOUR_MS).toISOString().slice(11, 13)}:00`

/** Days of the week, counted from today in UTC. */
const days = (...fromNow: readonly number[]): string =>
  fromNow.map((each) => DAYS[(new Date(NOW_MS).getUTCDay() + 6 + each) % 7]).join(',')

const IPV6: Asked = { source: '2001:db8:7::1' }

/** The request: POST /v1/chat/completions for llama-3 from 127.0.0.1, now. Hours have an hour or more to spare. */
export const RULE_FIELDS: Readonly<Record<keyof Rules, readonly RuleCase[]>> = {
  models: [
    { of: 'name', admits: { models: ['llama-*'] }, refuses: { models: ['gpt-4o-mini'] } },
    { of: 'emptiness', admits: { models: undefined }, refuses: { models: [] } },
  ].map((each) => ({ ...each, reason: 'model_not_allowed' })),
  deniedModels: [
    {
      of: 'name',
      admits: { deniedModels: ['gpt-*'] },
      refuses: { deniedModels: ['LLAMA-*'] },
      reason: 'model_not_allowed',
    },
  ],
  policies: [
    {
      of: 'name',
      admits: { policies: ['lax'] },
      refuses: { policies: ['strict'] },
      reason: 'model_not_allowed',
    },
  ],
  guardrails: [
    {
      of: 'name',
      admits: { guardrails: ['pii-mask'] },
      refuses: { guardrails: ['nobody-runs-it'] },
      reason: 'policy_unresolved',
    },
  ],
  paths: [
    { of: 'path', admits: { paths: ['/v1/chat/*'] }, refuses: { paths: ['/v1/chat', '/V1/*'] } },
    { of: 'method', admits: { paths: ['POST /v1/*'] }, refuses: { paths: ['GET /v1/*'] } },
    { of: 'emptiness', admits: { paths: undefined }, refuses: { paths: [] } },
  ].map((each) => ({ ...each, reason: 'path_not_allowed' })),
  deniedPaths: [
    { of: 'path', admits: { deniedPaths: ['/v1/models'] }, refuses: { deniedPaths: ['/V1/Chat/*/'] } },
    { of: 'method', admits: { deniedPaths: ['GET /v1/*'] }, refuses: { deniedPaths: ['POST /v1/*'] } },
  ].map((each) => ({ ...each, reason: 'path_not_allowed' })),
  networks: [
    {
      of: 'IPv4',
      admits: { networks: ['10.0.0.0/8', '127.0.0.0/8'] },
      refuses: { networks: ['198.51.100.0/24'] },
    },
    {
      of: 'IPv6',
      admits: { networks: ['2001:db8:7::/48'] },
      refuses: { networks: ['2001:db8:8::/48', '0.0.0.0/0'] },
      asked: IPV6,
    },
    { of: 'emptiness', admits: { networks: undefined }, refuses: { networks: [] } },
  ].map((each) => ({ ...each, reason: 'network_not_allowed' })),
  deniedNetworks: [
    { of: 'IPv4', admits: { deniedNetworks: ['127.0.0.2'] }, refuses: { deniedNetworks: ['127.0.0.1'] } },
    {
      of: 'IPv6',
      admits: { deniedNetworks: ['2001:db8:8::/48'] },
      refuses: { deniedNetworks: ['2001:db8::/32'] },
      asked: IPV6,
    },
  ].map((each) => ({ ...each, reason: 'network_not_allowed' })),
  hours: [
    {
      of: 'time',
      admits: { hours: [`${hour(-1)}-${hour(2)}`] },
      refuses: { hours: [`${hour(2)}-${hour(-1)}`] },
    },
    {
      of: 'day',
      admits: { hours: [`${days(6, 0, 1)} 00:00-24:00`] },
      refuses: { hours: [`${days(2, 3, 4, 5)} 00:00-24:00`] },
    },
    {
      of: 'zone',
      admits: { hours: [`${hour(-2)}-${hour(3)}@UTC`] },
      // Where it is 5:45 later.
      refuses: { hours: [`${hour(-2)}-${hour(3)}@Asia/Kathmandu`] },
    },
    { of: 'emptiness', admits: { hours: undefined }, refuses: { hours: [] } },
  ].map((each) => ({ ...each, reason: 'outside_hours' })),
}
