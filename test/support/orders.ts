// Every order in which steps can happen when some of them must come before others.

/** `first` names, for a step, what comes before it. Each order is a list of all steps. */
export const ordersOf = <Step extends string>(
  steps: readonly Step[],
  first: Readonly<Partial<Record<Step, Step>>>,
): readonly (readonly Step[])[] => {
  if (steps.length === 0) return [[]]
  return steps.flatMap((step) => {
    const before = first[step]
    if (before !== undefined && steps.includes(before)) return []
    const rest = steps.filter((other) => other !== step)
    return ordersOf(rest, first).map((order) => [step, ...order])
  })
}
