// Guardrails, policies, models and owners as YAML nodes say them. A field that is absent is its default.
import type { Node } from 'yaml'
import { isMap } from 'yaml'
import { Rejection } from '../../kernel/failure.ts'
import type { DeclaredOwner, DeclaredPolicy, ObjectKind } from '../../keys/declared-state.ts'
import { limitName } from '../../keys/state-plan.ts'
import type { Model } from '../../policy/model-catalogue.ts'
import type { PolicyRules } from '../../policy/policy.ts'
import type { LimitDraft } from '../../quota/limit-book.ts'
import { parseLimit } from '../limit-text.ts'
import type { Entry, Fields, Source } from './yaml-fields.ts'
import { fieldsOf, NEEDS_QUOTES, textIn } from './yaml-fields.ts'

/** Where an object stands, or a field of it, or an entry of that. */
export type Place = Fields['whereIs']
export type Places = Map<string, Place>

/** Its name alone, or a map as lists of guardrails show it. */
export const readGuardrail = (node: Node, source: Source, places: Places): string | undefined => {
  const text = textIn(node)
  if (text === undefined)
    return readObject('guardrail', 'name', node, source, places, (_fields, name) => name)
  const where = source.where(node)
  return isNew('guardrail', text, () => where, source, places) ? text : undefined
}

export const readPolicy = (node: Node, source: Source, places: Places): DeclaredPolicy | undefined =>
  readObject('policy', 'name', node, source, places, (fields, name) => ({
    name,
    shadow: fields.flag('shadow') ?? false,
    ...readRules(fields),
  }))

export const readModel = (node: Node, source: Source, places: Places): Model | undefined =>
  readObject('model', 'name', node, source, places, (fields, name) => ({
    name,
    route: required(fields, 'route', source, `model ${name}`),
    guardrails: fields.texts('guardrails') ?? [],
  }))

export const readOwner = (node: Node, source: Source, places: Places): DeclaredOwner | undefined =>
  readObject('owner', 'path', node, source, places, (fields, path) => ({
    path,
    disabled: fields.flag('disabled'),
    rules: { ...readRules(fields), policies: fields.texts('policies') ?? [] },
    labels: fields.pairs('labels') ?? {},
    limits: (fields.entries('limits') ?? []).flatMap((entry) => readLimit(entry, path, source, places)),
  }))

const readRules = (fields: Fields): PolicyRules => ({
  models: fields.texts('models'),
  deniedModels: fields.texts('deniedModels') ?? [],
  paths: fields.texts('paths'),
  deniedPaths: fields.texts('deniedPaths') ?? [],
  networks: fields.texts('networks'),
  deniedNetworks: fields.texts('deniedNetworks') ?? [],
  hours: fields.texts('hours'),
  guardrails: fields.texts('guardrails') ?? [],
})

const readObject = <T>(
  kind: ObjectKind,
  naming: string,
  node: Node,
  source: Source,
  places: Places,
  read: (fields: Fields, name: string) => T,
): T | undefined => {
  if (!isMap<Node, Node | null>(node)) {
    const form = kind === 'guardrail' ? `its name, as text; ${NEEDS_QUOTES}` : `a map with a ${naming}`
    source.faults.push(`${source.where(node)}: ${kind} must be ${form}`)
    return undefined
  }
  const fields = fieldsOf(node, source)
  const name = required(fields, naming, source, kind)
  const object = read(fields, name)
  fields.end(kind === 'owner' ? 'an owner' : `a ${kind}`)
  return name !== '' && isNew(kind, name, fields.whereIs, source, places) ? object : undefined
}

/** Empty when it is not there, and then a fault. */
const required = (fields: Fields, field: string, { faults }: Source, what: string): string => {
  const before = faults.length
  const text = fields.text(field)
  if ((text === undefined || text === '') && faults.length === before)
    faults.push(`${fields.whereIs(field, undefined)}: ${what} must have a ${field}`)
  return text ?? ''
}

const readLimit = (
  { value, where }: Entry<string>,
  path: string,
  source: Source,
  places: Places,
): readonly LimitDraft[] => {
  try {
    const limit = parseLimit(value)
    return isNew('limit', limitName({ ...limit, path }), () => where, source, places) ? [limit] : []
  } catch (error) {
    if (!(error instanceof Rejection)) throw error
    source.faults.push(`${where}: ${error.message}`)
    return []
  }
}

const isNew = (kind: ObjectKind, name: string, place: Place, { faults }: Source, places: Places): boolean => {
  const object = `${kind} ${name}`
  const first = places.get(object)
  if (first === undefined) places.set(object, place)
  else
    faults.push(
      `${place(undefined, undefined)}: ${object} is stated already, at ${first(undefined, undefined)}`,
    )
  return first === undefined
}
