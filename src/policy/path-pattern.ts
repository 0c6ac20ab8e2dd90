// Which requests a rule about paths means: a method or any, and a path in which `*` stands for any run of bytes.
import { matchesGlob } from './glob.ts'

export type PathPattern = Readonly<{
  /** Upper case; undefined: any. */
  method: string | undefined
  path: string
}>

/** `path` is without its query, bytes as Latin-1. */
export type RequestTarget = Readonly<{ method: string; path: string }>

const PATTERN = /^(?:([A-Z]{1,32}) )?(\/[\x21-\x3e\x40-\x7e]{0,511}|\*)$/

/** `/v1/chat/completions`, `GET /v1/files/*`, `*`. undefined when the text is no pattern. */
export const parsePathPattern = (text: string): PathPattern | undefined => {
  const [, method, path] = PATTERN.exec(text) ?? []
  return path === undefined ? undefined : { method, path }
}

export const admitsTarget = (patterns: readonly PathPattern[], { method, path }: RequestTarget): boolean =>
  patterns.some((pattern) => isMethod(pattern, method) && matchesGlob(pattern.path, path))

/** As some upstreams tell neither upper from lower case, in methods too, nor a path with a slash at its end from one without. */
export const deniesTarget = (patterns: readonly PathPattern[], { method, path }: RequestTarget): boolean => {
  const folded = path.toLowerCase()
  const spellings = [folded, folded.endsWith('/') ? folded.slice(0, -1) : `${folded}/`]
  return patterns.some(
    (pattern) =>
      isMethod(pattern, method.toUpperCase()) &&
      spellings.some((spelling) => matchesGlob(pattern.path.toLowerCase(), spelling)),
  )
}

/** True when one of them names this very path: whoever wrote it meant no other. */
export const namesTarget = (patterns: readonly PathPattern[], { method, path }: RequestTarget): boolean =>
  patterns.some((pattern) => isMethod(pattern, method) && pattern.path === path)

const isMethod = (pattern: PathPattern, method: string): boolean =>
  pattern.method === undefined || pattern.method === method

/**
 * A path that servers read differently: dot and empty segments, a semicolon, a byte that must not stand in a path unencoded, one that is
 * percent-encoded although it need not be, or is a slash, a backslash, a percent sign, a control, or no part of UTF-8. So each path that is
 * left has one spelling, and what a rule says of it is what happens. https://www.rfc-editor.org/rfc/rfc3986#section-6.2.2
 */
export const isAmbiguousPath = (path: string): boolean => path === '' || AMBIGUOUS.test(path)

const AMBIGUOUS =
  /\/\/|\/\.{1,2}(?:\/|$)|[^a-z0-9\-._~!$&'()*+,=:@/%]|^[^/]|%(?![0-9a-f]{2})|%(?:[014][0-9a-f]|2[13-9a-f]|3[0-9abdf]|5[0-9acf]|6[1-9a-f]|7[0-9aef]|c[01]|f[5-9a-f])/i
