// The member names of a JSON object's top level, unescaped, in order, repeats included: what JSON.parse throws away.

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** `text` must be one valid JSON object (JSON.parse accepted it). One pass, no recursion. */
export const memberNames = (text: string): readonly string[] => {
  const names: string[] = []
  let depth = 0
  let nameComes = false
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      const end = closingQuote(text, at)
      if (depth === 1 && nameComes) {
        names.push(unescaped(text, at, end))
        nameComes = false
      }
      at = end
    } else if (code === 0x7b || code === 0x5b) {
      depth += 1
      if (depth === 1) nameComes = true
    } else if (code === 0x7d || code === 0x5d) depth -= 1
    else if (code === 0x2c && depth === 1) nameComes = true
  }
  return names
}

const closingQuote = (text: string, open: number): number => {
  let at = text.indexOf('"', open + 1)
  while (isEscaped(text, at)) at = text.indexOf('"', at + 1)
  return at
}

const isEscaped = (text: string, at: number): boolean => {
  let backslashes = 0
  while (text.charCodeAt(at - 1 - backslashes) === BACKSLASH) backslashes += 1
  return backslashes % 2 === 1
}

const unescaped = (text: string, open: number, end: number): string => {
  const raw = text.slice(open + 1, end)
  return raw.includes('\\') ? String(JSON.parse(text.slice(open, end + 1))) : raw
}
