// Every name that dashboards, alerts and traces depend on, once.

export const INSTRUMENTATION = 'latchkey'

export const METRIC = {
  checks: 'latchkey.checks',
  checkDuration: 'latchkey.check.duration',
  checksInFlight: 'latchkey.checks.in_flight',
  cacheOutcomes: 'latchkey.cache.outcomes',
  storeReads: 'latchkey.store.reads',
  storeWrites: 'latchkey.store.writes',
  unknownCharges: 'latchkey.charges.unknown',
  wastedCharges: 'latchkey.charges.wasted',
  buildInfo: 'latchkey.build_info',
} as const

export const SPAN = {
  check: 'envoy.service.auth.v3.Authorization/Check',
} as const

/** Span attributes. Those of rpc are https://opentelemetry.io/docs/specs/semconv/rpc/grpc/ */
export const ATTRIBUTE = {
  rpcSystem: 'rpc.system.name',
  rpcMethod: 'rpc.method',
  rpcStatusCode: 'rpc.response.status_code',
  decision: 'latchkey.decision',
  reason: 'latchkey.reason',
  decisionId: 'latchkey.decision.id',
  keyId: 'latchkey.key.id',
  owner: 'latchkey.owner',
  cache: 'latchkey.cache',
  storeReads: 'latchkey.store.reads',
  storeWrites: 'latchkey.store.writes',
} as const
