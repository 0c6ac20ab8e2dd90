// Envoy may ask the same Check again: a retry joins the charge of the first try, so one request is charged once.
import type { Clock } from '../kernel/clock.ts'
import { createDigestSet } from '../kernel/digest-set.ts'
import { Failure } from '../kernel/failure.ts'
import type { QuotaState } from './quota.ts'
import type { ChargeOutcome } from './quota-ledger.ts'

/** `claim` says that the units are being used; units that nobody claims within the horizon are wasted. */
export type ClaimableOutcome = Readonly<{ outcome: ChargeOutcome; claim: () => void }>

export type RetryMemory = Readonly<{
  /**
   * Runs `charge` for a request, or joins the charge of an earlier try with the same identity. The identity is a digest of
   * all that makes it the same request, one character a byte; undefined is joined by nobody. A try that failed, or found the
   * key out of date, is forgotten: the next one charges by itself. When the units of an earlier try are in use already, `recall` tells the states as they are now; without
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
type Attempt = { readonly outcome: Promise<ClaimableOutcome>; readonly expiresMs: number; charged: boolean }

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
  // In order of start, and all live equally long: the oldest is always first. What has no identity is numbered.
  const attempts = new Map<string | number, Attempt>()
  // Nearly all requests are here for nearly all of their time: 16 bytes each and no object, or collecting them would cost more than
  // the charge. The younger ones, and older ones that are forgotten together once all of them are past the horizon.
  let used = createDigestSet(maxEntries / 2)
  let usedBefore = createDigestSet(maxEntries / 2)
  let turnedMs = clock.monotonicMs()
  let unnamed = 0

  const turn = () => {
    const forgotten = usedBefore
    usedBefore = used
    used = forgotten
    used.clear()
    turnedMs = clock.monotonicMs()
  }

  const remember = (identity: string) => {
    if (used.size() >= maxEntries / 2) turn()
    used.add(identity)
  }

  const sweep = (nowMs = clock.monotonicMs()) => {
    if (nowMs - turnedMs >= horizonMs) turn()
    for (const [identity, attempt] of attempts) {
      if (attempt.expiresMs > nowMs && attempts.size <= maxEntries) return
      attempts.delete(identity)
      if (attempt.charged) onWasted()
    }
  }

  const chargeAnew = (identity: string | number, charge: () => Promise<ChargeOutcome>, nowMs: number) => {
    const isHeld = () => attempts.get(identity) === attempt
    const claim = () => {
      if (!attempt.charged || !isHeld()) return
      attempts.delete(identity)
      // Nobody can come again for what has no name.
      if (typeof identity === 'string') remember(identity)
    }
    const outcome = charge().then(
      (result) => {
        attempt.charged = result.outcome === 'charged'
        // Forgotten before its outcome was known: nobody will come for the units.
        if (attempt.charged && !isHeld()) onWasted()
        if (result.outcome === 'stale' && isHeld()) attempts.delete(identity)
        return { outcome: result, claim }
      },
      (error: unknown) => {
        if (isHeld()) attempts.delete(identity)
        throw error
      },
    )
    const attempt: Attempt = { outcome, expiresMs: nowMs + horizonMs, charged: false }
    attempts.set(identity, attempt)
    sweep(nowMs)
    return outcome
  }

  const chargeAgain = async (
    identity: string,
    charge: () => Promise<ChargeOutcome>,
    recall: () => Promise<readonly QuotaState[]>,
  ): Promise<ClaimableOutcome> => {
    if (used.has(identity) || usedBefore.has(identity)) {
      const states = await recall().catch((): readonly QuotaState[] => [])
      return { outcome: { outcome: 'charged', states }, claim: () => {} }
    }
    for (let earlier = attempts.get(identity); earlier !== undefined; earlier = attempts.get(identity)) {
      try {
        return await earlier.outcome
      } catch (error) {
        // The earlier try may have died of its own deadline, before anything was sent; this one has its own.
        if (!(error instanceof Failure)) throw error
      }
    }
    return chargeAnew(identity, charge, clock.monotonicMs())
  }

  return {
    charge(identity, charge, recall) {
      const nowMs = clock.monotonicMs()
      if (identity === undefined) {
        unnamed += 1
        return chargeAnew(unnamed, charge, nowMs)
      }
      sweep(nowMs)
      const isRetry = attempts.has(identity) || used.has(identity) || usedBefore.has(identity)
      return isRetry ? chargeAgain(identity, charge, recall) : chargeAnew(identity, charge, nowMs)
    },
    sweep,
  }
}
