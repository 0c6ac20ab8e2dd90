// Takes out of words for people what may be a secret: whatever a client or an operator put where a name belongs.

/** Words as long as a key are not repeated; names of models are, though some are as long: lower case, in short pieces. */
export const redacted = (text: string): string =>
  beginningOf(text).replace(/[A-Za-z0-9_-]{32,}/g, (word) => (NAME.test(word) ? word : '[redacted]'))

/** Nobody reads more, and a regular expression over millions of characters overflows the stack. Not to within a word, which may be a key. */
const beginningOf = (text: string): string =>
  text.length <= MOST ? text : text.slice(0, MOST).replace(/[A-Za-z0-9_-]+$/, '')

const MOST = 8_192

/** A UUID's last piece has twelve characters: it may be somebody's key. */
const NAME = /^[a-z0-9]{1,11}([-_][a-z0-9]{1,11})*$/
