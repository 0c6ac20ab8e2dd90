// Builds what protects the process and its store from more work than they can do.
import type { Config } from '../config.ts'
import type { AdmissionGate } from '../grpc/admission-gate.ts'
import { createAdmissionGate } from '../grpc/admission-gate.ts'
import type { Clock } from '../kernel/clock.ts'
import type { GroupKeyStore, KeyStore } from '../keys/key-store.ts'
import { createLookupGate } from '../keys/lookup-gate.ts'
import type { SourceThrottle } from '../keys/source-throttle.ts'
import { createSourceThrottle } from '../keys/source-throttle.ts'
import { createStoreCircuit } from '../keys/store-circuit.ts'
import type { OverloadMetrics } from '../telemetry/overload-metrics.ts'
import { createOverloadMetrics } from '../telemetry/overload-metrics.ts'

export type OverloadGuards = Readonly<{
  /** The store's look-ups behind their gate. */
  keyStore: KeyStore
  admission: AdmissionGate
  overload: OverloadMetrics
}>

/** Addresses of which misses are counted, some 150 bytes each. */
const REMEMBERED_SOURCES = 10_000

export const throttleSources = ({ unknownKeysPerSource: perSecond }: Config, clock: Clock): SourceThrottle =>
  createSourceThrottle({ clock, perSecond, maxSources: REMEMBERED_SOURCES })

export const createOverloadGuards = (
  { maxLookups, maxInFlight }: Config,
  { store, clock }: Readonly<{ store: Readonly<{ keyStore: GroupKeyStore }>; clock: Clock }>,
): OverloadGuards => {
  const overload = createOverloadMetrics()
  const admission = createAdmissionGate({ maxInFlight })
  const circuit = createStoreCircuit({ clock })
  const { mayLookUp } = admission
  const refused = overload.lookupRefused
  const gate = createLookupGate({ store: store.keyStore, clock, circuit, mayLookUp, refused, maxLookups })
  overload.watch({ inFlight: gate.inFlight, waiting: gate.waiting, circuitOpen: circuit.isOpen })
  return { keyStore: gate, admission, overload }
}
