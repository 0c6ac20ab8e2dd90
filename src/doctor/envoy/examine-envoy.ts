// A bootstrap of Envoy, looked through: each gateway of it that asks Latchkey.
import type { Config } from '../../config.ts'
import type { Model } from '../../policy/model-catalogue.ts'
import type { Finding } from '../finding.ts'
import { fault, fine, messageOf, someOf, warning } from '../finding.ts'
import { examineCluster } from './cluster-checks.ts'
import type { EnvoyFacts } from './envoy-facts.ts'
import { readEnvoyFile } from './envoy-facts.ts'
import { examineFilter } from './filter-checks.ts'
import { examineRequests } from './request-checks.ts'
import { examineRuleSize } from './rule-size-check.ts'

/** What is known besides; undefined when it could not be read. */
export type Beside = Readonly<{ config: Config | undefined; models: readonly Model[] | undefined }>

export const examineEnvoy = (path: string, beside: Beside): readonly Finding[] => {
  let facts: EnvoyFacts
  try {
    facts = readEnvoyFile(path)
  } catch (error) {
    return [
      fault(
        'envoy_file',
        `${path} cannot be read: ${messageOf(error)}`,
        'give --envoy a bootstrap as Envoy reads it, in YAML or JSON',
      ),
    ]
  }
  const asking = facts.gateways.filter(({ authzIndex }) => authzIndex !== -1)
  if (asking.length === 0) return [nobodyAsks(path, facts)]
  const others = facts.gateways.filter((gateway) => !asking.includes(gateway)).map(({ name }) => name)
  return [
    others.length === 0
      ? fine('envoy_file', path)
      : warning(
          'envoy_file',
          `listener ${someOf(others)} asks nobody for a key`,
          'give it the ext_authz filter of the others, unless anybody may use it',
        ),
    ...asking.flatMap((gateway) => [
      ...examineFilter(gateway, beside.config),
      ...examineRuleSize(gateway, facts),
      ...examineRequests(gateway, beside.config, beside.models),
      ...examineCluster(gateway, facts, beside.config),
    ]),
  ]
}

const nobodyAsks = (path: string, { gateways }: EnvoyFacts): Finding =>
  gateways.length === 0
    ? fault(
        'envoy_file',
        `${path} has no static listener with an HTTP connection manager`,
        'give --envoy the whole bootstrap, with the listeners in static_resources',
      )
    : fault(
        'envoy_ext_authz',
        `no listener of ${path} has an ext_authz filter: nobody is asked for a key`,
        'put the filter of envoy/sidecar.yaml before the router',
      )
