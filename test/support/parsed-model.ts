// The model of a body by way of a decoder and JSON.parse: slower than the scan of its bytes, and plainly right.

import { quoted } from '../../src/check/quoted.ts'
import { isModelName } from '../../src/policy/glob.ts'

/** The model, nothing, or the words of the refusal. */
export type ParsedModel = Readonly<{ model: string | undefined }> | Readonly<{ refusal: string }>

export const parsedModel = (body: Uint8Array): ParsedModel => {
  let text: string
  let value: unknown
  try {
    text = utf8.decode(body)
    value = JSON.parse(text)
  } catch {
    return { refusal: 'The request body is not valid JSON.' }
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { refusal: 'The request body must be a JSON object.' }
  const spellings = memberNames(text).filter((name) => name.toLowerCase() === 'model')
  if (spellings.length > 1) return { refusal: 'The request body names the model more than once.' }
  const [spelling] = spellings
  if (spelling === undefined) return { model: undefined }
  if (spelling !== 'model') return { refusal: 'The key "model" must be spelt in lower case.' }
  return checked((value as { model: unknown }).model)
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

const checked = (model: unknown): ParsedModel => {
  if (typeof model !== 'string') return { refusal: 'The model must be a string.' }
  if (isModelName(model)) return { model }
  return {
    refusal: `The model ${quoted(model)} must be 1 to 256 visible ASCII characters without comma.`,
  }
}

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** The names of the top level, unescaped, in order, repeats included; `text` must be one valid JSON object. */
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
