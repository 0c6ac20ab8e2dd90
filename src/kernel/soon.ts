// What is there at once, or comes later: nearly every Check is answered from memory, and a promise for it would cost more than the answer.

export type Soon<T> = T | Promise<T>

/** `step` at once when the value is there. What it throws then is thrown, not rejected. */
export const andThen = <T, U>(value: Soon<T>, step: (value: T) => Soon<U>): Soon<U> =>
  value instanceof Promise ? value.then(step) : step(value)
