// The one place in which a browser can put a key when it opens a websocket: an entry in the list of subprotocols it offers.

export const PROTOCOLS_HEADER = 'sec-websocket-protocol'

/** As OpenAI's SDKs write it, in any case, because what is not taken for a key would go upstream. */
const KEY_ENTRY = 'openai-insecure-api-key.'

// RFC 6455 makes an entry a token of RFC 9110; all of them may stand in a header that is written anew.
const ENTRY = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/** Keys in the header's lines, as they stand; `malformed` when there is one beside what is no subprotocol. */
export const keysInProtocols = (lines: readonly string[]): readonly string[] | 'malformed' => {
  const keys: string[] = []
  let isPlain = true
  for (const entry of entriesOf(lines))
    if (isKey(entry)) keys.push(entry.slice(KEY_ENTRY.length))
    else isPlain &&= ENTRY.test(entry)
  return isPlain || keys.length === 0 ? keys : 'malformed'
}

/** What is left for the model server, empty when that is nothing; undefined when there is no key in it to take away. */
export const protocolsWithoutKey = (lines: readonly string[]): string | undefined => {
  const entries = entriesOf(lines)
  const others = entries.filter((entry) => !isKey(entry))
  return others.length === entries.length ? undefined : others.join(', ')
}

const entriesOf = (lines: readonly string[]): readonly string[] =>
  lines.flatMap((line) => line.split(',')).map((entry) => entry.replace(/^[ \t]+|[ \t]+$/g, ''))

const isKey = (entry: string): boolean => entry.slice(0, KEY_ENTRY.length).toLowerCase() === KEY_ENTRY
