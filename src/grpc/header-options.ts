// Headers as Envoy is told to set them; every value is checked here, because Envoy answers 503 to a control
// byte.
import type { HeaderValueOption } from './gen/envoy/config/core/v3/base.ts'

/** Pairs of a lower-case name and a value, each name once; a Map is such. */
export type Headers = Iterable<readonly [string, string]>

/**
 * All of them overwrite. Throws when a name or a value has a byte that cannot stand in a header: our bug,
 * never sent.
 */
export const overwriting = (headers: Headers): readonly HeaderValueOption[] =>
  Array.from(headers, ([name, value]) => overwrite(name, value))

const NAME = /^[a-z0-9_-]+$/
const VALUE = /^[\x20-\x7e]*$/
const NO_BYTES = Buffer.alloc(0)
/** A HeaderAppendAction; for this one number the generated code is not loaded. */
const OVERWRITE_IF_EXISTS_OR_ADD = 2

/** Throws when the name or the value has a byte that cannot stand in a header. */
export const assertSendable = (name: string, value: string): void => {
  if (!NAME.test(name) || !VALUE.test(value))
    throw new Error(`header ${JSON.stringify(name)} has a name or value that cannot be sent`)
}

// append_action alone is ignored for request headers, append alone is deprecated for response headers: say
// both, the same.
const overwrite = (key: string, value: string): HeaderValueOption => {
  assertSendable(key, value)
  return {
    header: { key, value, rawValue: NO_BYTES },
    append: false,
    appendAction: OVERWRITE_IF_EXISTS_OR_ADD,
  }
}
