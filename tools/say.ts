// What the tools tell the person who runs them, one line each.

export const say = (sentence: string): void => {
  process.stdout.write(`latchkey: ${sentence}\n`)
}
