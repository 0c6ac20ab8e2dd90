// Model globs to routes. Exact beats longest glob; a non-empty catalogue admits nothing else.
import { isGlob, matchesGlob } from './glob.ts'

/** `name` is an exact model name or a glob; `guardrails` are those that the route's upstream enforces. */
export type Model = Readonly<{ name: string; route: string; guardrails: readonly string[] }>

export type ModelCatalogue = Readonly<{
  isEmpty: boolean
  /** The entry that routes this model, or undefined: then nobody may use it while the catalogue is not empty. */
  match(model: string): Model | undefined
  /** Names without a star, sorted. */
  exactNames: readonly string[]
}>

export const createModelCatalogue = (models: readonly Model[]): ModelCatalogue => {
  const exact = new Map(models.filter(({ name }) => !isGlob(name)).map((model) => [model.name, model]))
  const globs = models.filter(({ name }) => isGlob(name)).toSorted(byLengthThenName)
  return {
    isEmpty: models.length === 0,
    match: (model) => exact.get(model) ?? globs.find(({ name }) => matchesGlob(name, model)),
    exactNames: [...exact.keys()].toSorted(),
  }
}

const byLengthThenName = (a: Model, b: Model): number =>
  b.name.length - a.name.length || (a.name < b.name ? -1 : 1)
