// Waits for what a test cannot be told of.

/** Asks again until it is so; the test's own time limit ends it. */
export const until = async (isSo: () => Promise<boolean> | boolean): Promise<void> => {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 5))
}
