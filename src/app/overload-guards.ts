// Builds what protects the process and its store from more work than they can do.
import type { Config } from '../config.ts'
import type { AdmissionGate } from '../grpc/admission-gate.ts'
import { createAdmissionGate } from '../grpc/admission-gate.ts'
import type { Clock } from '../kernel/clock.ts'
import type { KeyStore } from '../keys/key-store.ts'
import { createLookupGate } from '../keys/lookup-gate.ts'
import { createStoreCircuit } from '../keys/store-circuit.ts'
import type { OverloadMetrics } from '../telemetry/overload-metrics.ts'
import { createOverloadMetrics } from '../telemetry/overload-metrics.ts'

export type OverloadGuards = Readonly<{
  /** The store's look-ups behind their gate. */
  keyStore: KeyStore
  admission: AdmissionGate
  overload: OverloadMetrics
}>

export const createOverloadGuards = (
  { maxLookups, maxInFlight }: Config,
  { store, clock }: Readonly<{ store: Readonly<{ keyStore: KeyStore }>; clock: Clock }>,
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
