// How words of a client are repeated to people: without what may be a key, JSON-escaped, ASCII only, cut at 128 bytes.
import { redacted } from '../kernel/redacted.ts'

const MOST = 128

export const quoted = (words: string): string => {
  const escaped = JSON.stringify(redacted(words)).replace(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  return escaped.length <= MOST ? escaped : `${escaped.slice(0, MOST - 4).replace(/\\[^"]{0,5}$/, '')}..."`
}
