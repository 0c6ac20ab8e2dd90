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
  chargeForm: 'latchkey.charge.form',
  chargeDuration: 'latchkey.charge.duration',
  groupCharges: 'latchkey.charge_group.charges',
  groupRows: 'latchkey.charge_group.rows',
  groupDuration: 'latchkey.charge_group.duration',
  groupsRaised: 'latchkey.charge_groups.raised',
  groupsLocked: 'latchkey.charge_groups.locked',
  limitsNear: 'latchkey.limits.near',
  limitsOver: 'latchkey.limits.over',
  feedStaleness: 'latchkey.feed.staleness',
  feedFailures: 'latchkey.feed.failures',
  checksShed: 'latchkey.checks.shed',
  lookupsRefused: 'latchkey.lookups.refused',
  lookupsInFlight: 'latchkey.lookups.in_flight',
  lookupsWaiting: 'latchkey.lookups.waiting',
  circuitOpen: 'latchkey.lookups.circuit_open',
  failOpenAdmitted: 'latchkey.fail_open.admitted',
  failOpenSettled: 'latchkey.fail_open.settled',
  buildInfo: 'latchkey.build_info',
  workers: 'latchkey.workers',
} as const

export const SPAN = {
  check: 'envoy.service.auth.v3.Authorization/Check',
  /** Started by the quota engine, which imports nothing of telemetry. */
  chargeGroup: 'latchkey.charge_group',
  /** Started by the store. */
  lookUpGroup: 'latchkey.look_up_group',
} as const

/** Events of a span. */
export const EVENT = {
  softLimit: 'latchkey.soft_limit',
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
  groupCharges: 'latchkey.group.charges',
  groupRows: 'latchkey.group.rows',
  groupKeys: 'latchkey.group.keys',
  limitSubject: 'latchkey.limit.subject',
  limitUnit: 'latchkey.limit.unit',
  limitPeriod: 'latchkey.limit.period',
  limitAmount: 'latchkey.limit.amount',
  limitUsedPercent: 'latchkey.limit.used_percent',
  failOpen: 'latchkey.fail_open',
  wouldDeny: 'latchkey.would_deny',
  cache: 'latchkey.cache',
  storeReads: 'latchkey.store.reads',
  storeWrites: 'latchkey.store.writes',
} as const
