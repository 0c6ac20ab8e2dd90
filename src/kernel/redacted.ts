// Takes out of words for people what may be a secret: whatever a client or an operator put where a name belongs.

/** Words as long as a key are not repeated; names of models are, though some are as long: lower case, in short pieces. */
export const redacted = (text: string): string =>
  beginningOf(text)
    .replace(keys, '[redacted]')
    .replace(/[A-Za-z0-9_-]{32,}/g, (word) => (NAME.test(word) ? word : '[redacted]'))

/** Of a key, however long: the beginning, and how many characters it has in all. */
type Shape = Readonly<{ prefix: string; length: number }>

/** From now on words of these shapes, and longer ones, are not repeated either. Nothing that was known is forgotten. */
export const alsoRedact = (shapes: readonly Shape[]): void => {
  for (const shape of shapes) known.add(patternOf(shape))
  keys = anyOf(known)
}

const patternOf = ({ prefix, length }: Shape): string =>
  `${prefix.replaceAll('.', String.raw`\.`)}[a-z0-9_-]{${Math.max(1, length - prefix.length)},}`

/** Where a word begins: also after what an escape sequence of a URL or of JSON ends with. In any case, as people repeat it. */
const anyOf = (patterns: ReadonlySet<string>): RegExp =>
  new RegExp(
    String.raw`(?:(?<![a-z0-9_-])|(?<=%[0-9a-f]{2}|\\[bfnrt]|\\u[0-9a-f]{4}))(?:${[...patterns].join('|')})`,
    'gi',
  )

/** LiteLLM's, and most providers' begin so too: they may be sent to a server that has no such format. */
const known = new Set([patternOf({ prefix: 'sk-', length: 25 })])
let keys = anyOf(known)

/** Nobody reads more, and a regular expression over millions of characters overflows the stack. Not to within a word, which may be a key. */
const beginningOf = (text: string): string =>
  text.length <= MOST ? text : text.slice(0, MOST).replace(/[A-Za-z0-9_-]+$/, '')

const MOST = 8_192

/** A UUID's last piece has twelve characters: it may be somebody's key. */
const NAME = /^[a-z0-9]{1,11}([-_][a-z0-9]{1,11})*$/
