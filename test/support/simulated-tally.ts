// What callers were told of their charges, added up by row and window, and what in it contradicts itself.
import type { Call } from '../../src/kernel/call.ts'
import type { FailureReason } from '../../src/kernel/failure.ts'
import { Failure } from '../../src/kernel/failure.ts'
import type { Quota } from '../../src/quota/quota.ts'
import { FOREVER } from '../../src/quota/quota.ts'
import type { ChargeOutcome } from '../../src/quota/quota-ledger.ts'
import { windowName } from './simulated-table.ts'

/** `told` stays `nothing` until the outcome is there; `unknown`: a failure that says that the units may be gone. */
export type AskedCharge = {
  readonly quotas: readonly Quota[]
  readonly units: number
  readonly call: Call
  told: 'nothing' | 'unknown' | ChargeOutcome['outcome'] | FailureReason
}

export type SimulatedTally = ReturnType<typeof createSimulatedTally>

export const createSimulatedTally = () => {
  const asked: AskedCharge[] = []
  const admitted = new Map<string, number>()
  const violations: string[] = []

  const admit = ({ quotas, units, call }: AskedCharge, states: Charged['states']) => {
    if (call.storeWrites < 1) violations.push('charged without a statement')
    if (states.length !== quotas.length) violations.push('charged, and not told of every quota')
    for (const [at, { quota, used, remaining, amount, resetsAtMs }] of states.entries()) {
      if (quota !== quotas[at]) violations.push('states in another order than asked')
      if (used < units) violations.push(`row ${quota.id}: used ${used} after a charge of ${units}`)
      if (remaining !== Math.max(0, amount - used)) violations.push('what remains is not what is left')
      const name = windowName(quota.id, resetsAtMs ?? FOREVER)
      admitted.set(name, (admitted.get(name) ?? 0) + units)
    }
  }

  const hear = (charge: AskedCharge, outcome: ChargeOutcome) => {
    charge.told = outcome.outcome
    if (outcome.outcome === 'charged') admit(charge, outcome.states)
    if (outcome.outcome === 'exhausted') {
      const short = outcome.states.filter(({ remaining }) => remaining < charge.units)
      if (short.length === 0) violations.push('refused, and no quota is named that is short')
      if (outcome.states.length !== charge.quotas.length) violations.push('refused without every state')
    }
  }

  const hearFailure = (charge: AskedCharge, error: unknown) => {
    if (!(error instanceof Failure)) {
      violations.push(`failed with ${String(error)}`)
      charge.told = 'store_unavailable'
      return
    }
    charge.told = error.chargeUnknown ? 'unknown' : error.reason
    if (error.chargeUnknown && charge.call.storeWrites < 1) violations.push('unknown without a statement')
  }

  return {
    asked: asked as readonly AskedCharge[],
    /** Units told as charged, by row and window. */
    admitted: admitted as ReadonlyMap<string, number>,
    violations,
    /** `check` looks at an outcome in the moment that it is told. */
    ask: (
      quotas: readonly Quota[],
      units: number,
      call: Call,
      answer: Promise<ChargeOutcome>,
      check: (charge: AskedCharge) => void = () => {},
    ): AskedCharge => {
      const charge: AskedCharge = { quotas, units, call, told: 'nothing' }
      asked.push(charge)
      answer
        .then(
          (outcome) => hear(charge, outcome),
          (error: unknown) => hearFailure(charge, error),
        )
        .then(() => check(charge))
        .catch((error: unknown) => violations.push(`the check failed: ${String(error)}`))
      return charge
    },
    /** Units of those who were told so, each charge once. */
    unitsTold: (told: AskedCharge['told']): number =>
      asked.reduce((sum, charge) => sum + (charge.told === told ? charge.units : 0), 0),
    isEverybodyTold: (): boolean => asked.every(({ told }) => told !== 'nothing'),
  }
}

type Charged = Extract<ChargeOutcome, { outcome: 'charged' }>
