// Turns of the event loop, waited for without a timer.

/** The next turn, in which engines take their groups. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** All that follows from promises that are settled by now has happened; no group was taken meanwhile. */
export const settled = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve))
