// An expression of the rules about headers that is longer than Envoy admits: Envoy would not start with it.
import type { Finding } from '../finding.ts'
import { orFine, warning } from '../finding.ts'
import type { EnvoyFacts, Gateway } from './envoy-facts.ts'
import type { Tree } from './tree.ts'
import { at, entriesAt, itemsAt, numberAt, textAt } from './tree.ts'

const CHECK = 'envoy_rule_size'

export const examineRuleSize = ({ authz, name }: Gateway, { runtime }: EnvoyFacts): readonly Finding[] => {
  const bound = boundIn(runtime)
  const mistakes = ['allow_expression', 'disallow_expression'].flatMap((rule) => {
    const size = re2Size(textAt(authz, 'decoder_header_mutation_rules', rule, 'regex') ?? '')
    return size <= bound
      ? []
      : [
          warning(
            CHECK,
            `${rule} of ${name} has a size of about ${size}, and an Envoy that admits ${bound} does not start with it`,
            'set re2.max_program_size.error_level in layered_runtime, as in envoy/sidecar.yaml',
          ),
        ]
  })
  return orFine(mistakes, CHECK, 'the rules about headers are not too long for Envoy')
}

/** https://www.envoyproxy.io/docs/envoy/latest/configuration/operations/runtime */
const ENVOYS_OWN = 100

/** Infinity when it may be set where nobody can see it from here. */
const boundIn = (runtime: Tree): number => {
  const layers = itemsAt(runtime, 'layers')
  const told = layers.flatMap((layer) => {
    const [, dotted] =
      entriesAt(layer, 'static_layer').find(([key]) => key === 're2.max_program_size.error_level') ?? []
    const level =
      numberAt({ dotted }, 'dotted') ??
      numberAt(layer, 'static_layer', 're2', 'max_program_size', 'error_level')
    return level === undefined ? [] : [level]
  })
  const seen = layers.every((layer) => at(layer, 'static_layer') !== undefined)
  return told.at(-1) ?? (seen ? ENVOYS_OWN : Number.POSITIVE_INFINITY)
}

const TOKEN = /\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?[^():]*:|\{(\d+)(?:,(\d*))?\}|./gs
const CLASS_ITEM = /(?:\\.|[^\\])(?:-(?:\\.|[^\\]))?/gs
/** Matching the whole name, start and end. */
const AROUND = 4

/** As the compiler of RE2 counts, but for beginnings that alternatives share: those it counts once, and this each time. */
const re2Size = (expression: string): number => {
  let size = AROUND
  let last = 0
  for (const [token, least, most] of expression.matchAll(TOKEN)) {
    if (least !== undefined) size += last * (Math.max(Number(least), Number(most ?? least)) - 1)
    else {
      last = sizeOf(token)
      size += last
    }
  }
  return size
}

const sizeOf = (token: string): number => {
  if (token === '(') return 2
  if (token.length === 1) return ')|^$'.includes(token) ? 0 : token === '.' ? 2 : 1
  if (token.startsWith('(')) return 0
  if (!token.startsWith('[')) return 1
  return (token.slice(1, -1).match(CLASS_ITEM) ?? []).length
}
