// The body of GET /v1/models, and of one model below it, in the shape that the caller's SDK parses.
import type { ClientShape, Listing } from '../check/decision.ts'

/**
 * JSON text. Nobody tells when a model was made, so two shapes carry the epoch where they need an instant.
 */
export const modelListBody = (
  shape: ClientShape,
  { models, one }: Pick<Listing, 'models' | 'one'>,
): string => {
  const { list, each } = SHAPES[shape]
  const [model] = models
  return JSON.stringify(one === true && model !== undefined ? each(model) : list(models.map(each), models))
}

type Shape = Readonly<{
  each(model: string): object
  list(entries: readonly object[], models: readonly string[]): object
}>

const OPENAI: Shape = {
  each: (id) => ({ id, object: 'model', created: 0, owned_by: 'latchkey' }),
  list: (data) => ({ object: 'list', data }),
}

const ANTHROPIC: Shape = {
  each: (id) => ({ type: 'model', id, display_name: id, created_at: '1970-01-01T00:00:00Z' }),
  list: (data, models) => ({
    data,
    has_more: false,
    first_id: models.at(0) ?? null,
    last_id: models.at(-1) ?? null,
  }),
}

/** Nobody tells either which of its methods a model has, and many programs look for `generateContent` in the list. */
const METHODS = ['generateContent', 'countTokens', 'embedContent']

// https://ai.google.dev/api/models
const GOOGLE: Shape = {
  each: (name) => ({ name: `models/${name}`, displayName: name, supportedGenerationMethods: METHODS }),
  list: (models) => ({ models }),
}

const SHAPES: Readonly<Record<ClientShape, Shape>> = { openai: OPENAI, anthropic: ANTHROPIC, google: GOOGLE }
