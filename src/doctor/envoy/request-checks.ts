// What a gateway does to a request besides asking: its headers, and the route it takes.
import type { Config } from '../../config.ts'
import type { Model } from '../../policy/model-catalogue.ts'
import type { Finding } from '../finding.ts'
import { fault, orFine, someOf, warning } from '../finding.ts'
import { bodyMistakes } from './body-check.ts'
import type { Gateway, Route } from './envoy-facts.ts'
import { at, entriesAt, isTrueAt, itemsAt, textAt } from './tree.ts'

export const examineRequests = (
  gateway: Gateway,
  config: Config | undefined,
  models: readonly Model[] | undefined,
): readonly Finding[] => [
  ...orFine(bodyMistakes(gateway, config), 'envoy_body', 'bodies arrive, cut when they are long'),
  ...orFine(
    plantedMistakes(gateway),
    'envoy_planted_headers',
    'what clients plant under our names is removed',
  ),
  ...orFine(identityMistakes(gateway), 'envoy_request_ids', 'no client chooses the id of its request'),
  ...orFine(routeCacheMistakes(gateway), 'envoy_route_cache', 'the route follows what Latchkey says'),
  ...orFine(catchAllMistakes(gateway), 'envoy_catch_all', 'every request has a route, so Latchkey is asked'),
  ...orFine(removedMistakes(gateway, models), 'envoy_removed_headers', 'the upstreams get what they rely on'),
  ...orFine(modelRouteMistakes(gateway, models), 'envoy_model_routes', "the catalogue's routes are there"),
]

const plantedMistakes = ({ manager, name }: Gateway): readonly Finding[] => {
  const check = 'envoy_planted_headers'
  const mutations = itemsAt(manager, 'early_header_mutation_extensions').flatMap((extension) =>
    itemsAt(extension, 'typed_config', 'mutations'),
  )
  const removed = mutations.some((mutation) =>
    'x-latchkey-'.startsWith(textAt(mutation, 'remove_on_match', 'key_matcher', 'prefix') ?? '?'),
  )
  const underscores = textAt(manager, 'common_http_protocol_options', 'headers_with_underscores_action')
  return [
    ...(removed
      ? []
      : [
          warning(
            check,
            `a client of ${name} may plant x-latchkey- headers on routes where ext_authz is off`,
            'take early_header_mutation_extensions from envoy/sidecar.yaml',
          ),
        ]),
    ...(underscores === 'REJECT_REQUEST' || underscores === 'DROP_HEADER'
      ? []
      : [
          warning(
            check,
            `x_latchkey_guardrails of a client of ${name} reaches servers that read it as ours`,
            'set common_http_protocol_options.headers_with_underscores_action: REJECT_REQUEST',
          ),
        ]),
  ]
}

const identityMistakes = ({ manager, name }: Gateway): readonly Finding[] =>
  isTrueAt(manager, 'use_remote_address') && at(manager, 'internal_address_config') !== undefined
    ? []
    : [
        warning(
          'envoy_request_ids',
          `clients of ${name} may choose x-request-id, by which a retried Check is known`,
          'set use_remote_address: true and internal_address_config as in envoy/sidecar.yaml',
        ),
      ]

const OUR_ROUTE = 'x-latchkey-route'

const headersOf = ({ route }: Route) => itemsAt(route, 'match', 'headers')

const isOurs = (route: Route): boolean =>
  headersOf(route).some((header) => textAt(header, 'name')?.toLowerCase().startsWith('x-latchkey-') === true)

const routeCacheMistakes = ({ authz, routes, name }: Gateway): readonly Finding[] =>
  isTrueAt(authz, 'clear_route_cache') || !routes.some(isOurs)
    ? []
    : [
        fault(
          'envoy_route_cache',
          `routes of ${name} match on headers of Latchkey, and Envoy chooses the route before it has them`,
          'set clear_route_cache: true',
        ),
      ]

const catchAllMistakes = ({ routes, name }: Gateway): readonly Finding[] => {
  const plain = routes.some(
    (route) => headersOf(route).length === 0 && textAt(route.route, 'match', 'prefix') === '/',
  )
  return !routes.some(isOurs) || plain
    ? []
    : [
        fault(
          'envoy_catch_all',
          `before Latchkey is asked no route of ${name} matches, and Envoy asks nobody about a request without a route`,
          'end the routes with one that matches prefix: / and no header',
        ),
      ]
}

const removedMistakes = (
  { routes, name }: Gateway,
  models: readonly Model[] | undefined,
): readonly Finding[] => {
  const guarded = new Set(models?.filter(({ guardrails }) => guardrails.length > 0).map(({ route }) => route))
  const blind = routes.filter(
    (route) =>
      routeNamesOf(route).some((each) => guarded.has(each)) &&
      route.levels.some((level) =>
        itemsAt(level, 'request_headers_to_remove').includes('x-latchkey-guardrails'),
      ),
  )
  return blind.length === 0
    ? []
    : [
        fault(
          'envoy_removed_headers',
          `the catalogue says that guardrails run behind ${someOf(blind.map(({ where }) => where))} of ${name}, and the route removes x-latchkey-guardrails`,
          'take it off request_headers_to_remove: route-level removal takes away what Latchkey set',
        ),
      ]
}

/** Values of x-latchkey-route that it is made for. */
const routeNamesOf = (route: Route): readonly string[] =>
  headersOf(route)
    .filter((header) => textAt(header, 'name')?.toLowerCase() === OUR_ROUTE)
    .flatMap((header) => textAt(header, 'string_match', 'exact') ?? textAt(header, 'exact_match') ?? [])

/** One that takes the header by a pattern may take any of them; a mere presence is where unknown ones end. */
const takesPatterns = (route: Route): boolean =>
  headersOf(route).some(
    (header) =>
      textAt(header, 'name')?.toLowerCase() === OUR_ROUTE &&
      entriesAt(header, 'string_match').some(([kind]) => kind !== 'exact' && kind !== 'ignore_case'),
  )

const modelRouteMistakes = (
  { routes, name }: Gateway,
  models: readonly Model[] | undefined,
): readonly Finding[] => {
  const there = new Set(routes.flatMap(routeNamesOf))
  const absent = [...new Set(models?.map(({ route }) => route))].filter((route) => !there.has(route))
  const byCluster = routes.some(({ route }) => textAt(route, 'route', 'cluster_header') === OUR_ROUTE)
  return absent.length === 0 || routes.length === 0 || byCluster || routes.some(takesPatterns)
    ? []
    : [
        fault(
          'envoy_model_routes',
          `the catalogue sends models to ${someOf(absent)}, and ${name} has no such route`,
          `add a route that matches ${OUR_ROUTE}, or change the model's route`,
        ),
      ]
}
