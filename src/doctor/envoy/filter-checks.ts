// The ext_authz filter: is it there, where it must be, and does it ask and answer as Latchkey needs it?
import type { Config } from '../../config.ts'
import { OWN_HEADER_NAMES } from '../../grpc/upstream-headers.ts'
import type { Finding } from '../finding.ts'
import { fault, orFine, someOf, warning } from '../finding.ts'
import type { Gateway } from './envoy-facts.ts'
import type { Tree } from './tree.ts'
import { at, durationMsAt, entriesAt, isOfType, isTrueAt, textAt } from './tree.ts'

export const examineFilter = (gateway: Gateway, config: Config | undefined): readonly Finding[] => [
  ...orFine(placeMistakes(gateway), 'envoy_ext_authz', 'ext_authz stands before the router'),
  ...orFine(disabledMistakes(gateway), 'envoy_disabled_routes', 'ext_authz is on for every route'),
  ...orFine(failOpenMistakes(gateway, config), 'envoy_fail_open', 'nobody passes while Latchkey is away'),
  ...orFine(statusMistakes(gateway), 'envoy_outage_status', 'an outage is answered with 503'),
  ...orFine(timeMistakes(gateway, config), 'envoy_timeout', 'a Check has time'),
  ...orFine(retryMistakes(gateway), 'envoy_retries', 'a Check that is lost is asked again'),
  ...orFine(rawHeaderMistakes(gateway), 'envoy_raw_headers', 'headers arrive line by line'),
  ...orFine(mutationMistakes(gateway, config), 'envoy_mutation_rules', 'Latchkey may change its headers'),
]

const placeMistakes = ({ authz, authzIndex, filters, name }: Gateway): readonly Finding[] => {
  const check = 'envoy_ext_authz'
  const router = filters.findIndex((filter) => isOfType(at(filter, 'typed_config'), 'router.v3.Router'))
  if (router !== -1 && router < authzIndex)
    return [
      fault(
        check,
        `ext_authz stands after the router in ${name}, and is never asked`,
        'move it before the router',
      ),
    ]
  if (at(authz, 'http_service') !== undefined)
    return [
      fault(
        check,
        `ext_authz of ${name} asks by HTTP, which Latchkey does not answer`,
        'give it a grpc_service in place of http_service, as in envoy/sidecar.yaml',
      ),
    ]
  if (isTrueAt(filters[authzIndex], 'disabled'))
    return [
      warning(
        check,
        `ext_authz of ${name} is disabled unless a route enables it`,
        'take disabled: true away, and disable it on the routes that anybody may use',
      ),
    ]
  return []
}

const disabledMistakes = ({ routes, name }: Gateway): readonly Finding[] => {
  const disabled = routes.filter(({ levels }) =>
    levels.some((level) =>
      entriesAt(level, 'typed_per_filter_config').some(([, options]) => isDisabled(options)),
    ),
  )
  return disabled.length === 0
    ? []
    : [
        warning(
          'envoy_disabled_routes',
          `nobody is asked for a key on ${someOf(disabled.map(({ where }) => where))} of ${name}`,
          'take disabled: true away, unless anybody may use these routes',
        ),
      ]
}

const isDisabled = (options: Tree): boolean =>
  (isOfType(options, 'ExtAuthzPerRoute') && isTrueAt(options, 'disabled')) ||
  (isOfType(options, 'FilterConfig') && isTrueAt(options, 'disabled'))

const failOpenMistakes = ({ authz, name }: Gateway, config: Config | undefined): readonly Finding[] => {
  if (!isTrueAt(authz, 'failure_mode_allow')) return []
  const tell = config === undefined || config.failureAnswer === 'in_band' ? fault : warning
  return [
    tell(
      'envoy_fail_open',
      `failure_mode_allow of ${name} lets everybody in, without limits and guardrails, while Latchkey cannot be asked`,
      'set failure_mode_allow: false; to let a key pass uncharged give it --fail-mode open instead',
    ),
  ]
}

const statusMistakes = ({ authz, name }: Gateway): readonly Finding[] => {
  const code = textAt(authz, 'status_on_error', 'code')
  return code === 'ServiceUnavailable' || code === '503'
    ? []
    : [
        warning(
          'envoy_outage_status',
          `clients of ${name} see ${code ?? 403} when Latchkey cannot be asked, and take it for a bad key`,
          'set status_on_error: { code: ServiceUnavailable }',
        ),
      ]
}

const LEAST_MS = 250

const timeMistakes = ({ authz, name }: Gateway, config: Config | undefined): readonly Finding[] => {
  const check = 'envoy_timeout'
  const timeoutMs = durationMsAt(authz, 'grpc_service', 'timeout')
  const tryMs = durationMsAt(authz, 'grpc_service', 'retry_policy', 'retry_back_off', 'max_interval')
  const retries = at(authz, 'grpc_service', 'retry_policy') !== undefined
  if (at(authz, 'grpc_service') === undefined) return []
  const mistakes: Finding[] = []
  if (timeoutMs === undefined || timeoutMs < LEAST_MS)
    mistakes.push(
      warning(
        check,
        `a Check of ${name} has ${timeoutMs ?? 200} ms, retries included: less than a slow look-up takes`,
        'set grpc_service.timeout: 0.5s with two Latchkeys, 5s with one',
      ),
    )
  if (retries && (tryMs ?? 0) < LEAST_MS)
    mistakes.push(
      warning(
        check,
        `retry_back_off.max_interval cuts each try of ${name} ${tryMs === undefined ? 'soon, as it is not set' : `after ${tryMs} ms`}`,
        'set retry_back_off: { base_interval: 0.025s, max_interval: 1s }: it limits each try',
      ),
    )
  if (config !== undefined && timeoutMs !== undefined && timeoutMs >= config.retryHorizonMs)
    mistakes.push(
      fault(
        check,
        `Envoy may retry a Check of ${name} for ${timeoutMs} ms, longer than Latchkey knows it again`,
        'raise retry_horizon above the timeout, or a retried Check may be charged twice',
      ),
    )
  return mistakes
}

const retryMistakes = ({ authz, name }: Gateway): readonly Finding[] =>
  at(authz, 'grpc_service') !== undefined && at(authz, 'grpc_service', 'retry_policy') === undefined
    ? [
        warning(
          'envoy_retries',
          `a Check of ${name} that meets a restart of Latchkey fails: there is no retry_policy`,
          'take grpc_service.retry_policy from envoy/sidecar.yaml',
        ),
      ]
    : []

const rawHeaderMistakes = ({ authz, name }: Gateway): readonly Finding[] =>
  isTrueAt(authz, 'encode_raw_headers')
    ? []
    : [
        warning(
          'envoy_raw_headers',
          `repeated headers of ${name} arrive joined by commas: two keys look like one that is malformed`,
          'set encode_raw_headers: true',
        ),
      ]

const DEFAULT_CREDENTIALS = ['authorization', 'x-api-key', 'api-key', 'x-goog-api-key']

/** https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/common/mutation_rules/v3/mutation_rules.proto */
const mutationMistakes = ({ authz, name }: Gateway, config: Config | undefined): readonly Finding[] => {
  const rules = at(authz, 'decoder_header_mutation_rules')
  if (rules === undefined) return []
  const needed = [
    ...OWN_HEADER_NAMES,
    ...(config?.guardrailHeader === undefined ? [] : [config.guardrailHeader]),
    ...(config?.credentialHeaders ?? DEFAULT_CREDENTIALS),
  ]
  const refused = needed.filter((header) => !admits(rules, header))
  return refused.length === 0
    ? []
    : [
        fault(
          'envoy_mutation_rules',
          `decoder_header_mutation_rules of ${name} do not admit ${someOf(refused)}: clients get 500, or the model server their key`,
          'add them to allow_expression',
        ),
      ]
}

const admits = (rules: Tree, header: string): boolean => {
  if (matches(textAt(rules, 'disallow_expression', 'regex'), header)) return false
  return matches(textAt(rules, 'allow_expression', 'regex'), header) || !isTrueAt(rules, 'disallow_all')
}

/** An expression that only RE2 reads is given the benefit of the doubt. */
const matches = (pattern: string | undefined, header: string): boolean => {
  if (pattern === undefined) return false
  try {
    return new RegExp(`^(?:${pattern})$`).test(header)
  } catch {
    return true
  }
}
