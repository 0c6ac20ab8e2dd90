// Takes out of words for people what may be a secret: whatever a client or an operator put where a name belongs.

/** Words as long as a key are not repeated; names of models are, though some are as long: lower case, in short pieces. */
export const redacted = (text: string): string =>
  text.replace(/[A-Za-z0-9_-]{32,}/g, (word) => (NAME.test(word) ? word : '[redacted]'))

/** A UUID's last piece has twelve characters: it may be somebody's key. */
const NAME = /^[a-z0-9]{1,11}([-_][a-z0-9]{1,11})*$/
