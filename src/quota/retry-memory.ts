// Envoy may ask the same Check again: a retry joins the charge of the first try, so one request is charged once.
import type { Clock } from '../kernel/clock.ts'
import { Failure } from '../kernel/failure.ts'
import type { QuotaState } from './quota.ts'
import type { ChargeOutcome } from './quota-ledger.ts'

/** `claim` says that the units are being used; units that nobody claims within the horizon are wasted. */
export type ClaimableOutcome = Readonly<{ outcome: ChargeOutcome; claim: () => void }>

export type RetryMemory = Readonly<{
  /**
   * Runs `charge` for a request, or joins the charge of an earlier try with the same identity. The identity holds all that
   * makes it the same request; undefined is joined by nobody. A try that failed, or found the key out of date, is forgotten: the
   * next one charges by itself. When the units of an earlier try are in use already, `recall` tells the states as they are now; without
   * them, should it fail, the request is charged all the same.
   */
  charge(
    identity: string | undefined,
    charge: () => Promise<ChargeOutcome>,
    recall: () => Promise<readonly QuotaState[]>,
  ): Promise<ClaimableOutcome>
  /** Forget what is older than the horizon. Runs with every charge; call it when idle to have wasted units counted in time. */
  sweep(): void
}>

/** Until its units are used. */
type Attempt = { readonly outcome: Promise<ChargeOutcome>; readonly expiresMs: number; charged: boolean }

export const createRetryMemory = (deps: {
  clock: Clock
  /** How long after its first try a request may be tried again. Longer than any Check may take. */
  horizonMs: number
  /** At this size the oldest is forgotten early: its retry would be charged again, which never admits too much. */
  maxEntries: number
  /** Called once for each charged request that nobody used. */
  onWasted: () => void
}): RetryMemory => {
  const { clock, horizonMs, maxEntries, onWasted } = deps
  // In order of start, and all live equally long: the oldest is always first.
  const attempts = new Map<string | symbol, Attempt>()
  // Nearly all requests are here for nearly all of their time: a name each and nothing else, or collecting them would cost more than
  // the charge. The younger ones, and older ones that are forgotten together once all of them are past the horizon.
  let used = new Set<string>()
  let usedBefore = new Set<string>()
  let turnedMs = clock.monotonicMs()

  const turn = () => {
    usedBefore = used
    used = new Set()
    turnedMs = clock.monotonicMs()
  }

  const sweep = () => {
    const nowMs = clock.monotonicMs()
    if (nowMs - turnedMs >= horizonMs || used.size >= maxEntries / 2) turn()
    for (const [identity, attempt] of attempts) {
      if (attempt.expiresMs > nowMs && attempts.size <= maxEntries) return
      attempts.delete(identity)
      if (attempt.charged) onWasted()
    }
  }

  const start = (identity: string | symbol, charge: () => Promise<ChargeOutcome>): Attempt => {
    const outcome = charge()
    const attempt: Attempt = {
      outcome,
      expiresMs: clock.monotonicMs() + horizonMs,
      charged: false,
    }
    attempts.set(identity, attempt)
    sweep()
    const forget = () => {
      if (attempts.get(identity) === attempt) attempts.delete(identity)
    }
    outcome.then((result) => {
      attempt.charged = result.outcome === 'charged'
      // Forgotten before its outcome was known: nobody will come for the units.
      if (attempt.charged && attempts.get(identity) !== attempt) onWasted()
      if (result.outcome === 'stale') forget()
    }, forget)
    return attempt
  }

  const claimable = async (identity: string | symbol, attempt: Attempt): Promise<ClaimableOutcome> => {
    const outcome = await attempt.outcome
    const claim = () => {
      if (outcome.outcome !== 'charged' || attempts.get(identity) !== attempt) return
      attempts.delete(identity)
      // Nobody can come again for what has no name.
      if (typeof identity === 'string') used.add(identity)
    }
    return { outcome, claim }
  }

  const chargeAnew = (identity: string | symbol, charge: () => Promise<ChargeOutcome>) =>
    claimable(identity, start(identity, charge))

  return {
    async charge(identity, charge, recall) {
      if (identity === undefined) return chargeAnew(Symbol('no identity'), charge)
      sweep()
      if (used.has(identity) || usedBefore.has(identity)) {
        const states = await recall().catch((): readonly QuotaState[] => [])
        return { outcome: { outcome: 'charged', states }, claim: () => {} }
      }
      for (let earlier = attempts.get(identity); earlier !== undefined; earlier = attempts.get(identity)) {
        try {
          return await claimable(identity, earlier)
        } catch (error) {
          // The earlier try may have died of its own deadline, before anything was sent; this one has its own.
          if (!(error instanceof Failure)) throw error
        }
      }
      return chargeAnew(identity, charge)
    },
    sweep,
  }
}
