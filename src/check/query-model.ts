// The model that a query names: bytes between ampersands, with nothing in them that two parsers would read differently.
import type { Deny } from './decision.ts'
import { deny } from './decision.ts'

/** Undefined when the query does not have the parameter. */
export const modelOfQuery = (path: string, parameter: string): { model: string | undefined } | Deny => {
  const begins = path.indexOf('?')
  let model: string | undefined
  for (const part of begins < 0 ? [] : path.slice(begins + 1).split('&')) {
    if (part === '') continue
    const equals = part.indexOf('=')
    const name = equals < 0 ? part : part.slice(0, equals)
    const value = equals < 0 ? '' : part.slice(equals + 1)
    if (!NAME.test(name) || !VALUE.test(value))
      return deny('request_malformed', 'The query must be plain: name=value, joined with &.')
    if (name.toLowerCase() !== parameter) continue
    if (name !== parameter)
      return deny('request_malformed', `The parameter "${parameter}" must be spelt in lower case.`)
    if (model !== undefined)
      return deny('request_malformed', `The parameter "${parameter}" is repeated in the query.`)
    if (!MODEL.test(value))
      return deny('request_malformed', 'The model in the query must be plain, nothing in it percent-encoded.')
    model = value
  }
  return { model }
}

// Percent-encoded, or with brackets, a name may be the one that is looked for, spelt another way.
const NAME = /^[A-Za-z0-9_.-]+$/

// Some parsers begin another parameter at a semicolon, or another query at a question mark.
const VALUE = /^[^;?#]*$/

// What no parser decodes, splits or folds.
const MODEL = /^[A-Za-z0-9][A-Za-z0-9._:@/-]{0,255}$/
