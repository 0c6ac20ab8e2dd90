// The body of GET /v1/models, in the shape that the caller's SDK parses.
import type { ClientShape } from '../check/decision.ts'

/**
 * JSON text. Nobody tells when a model was made, so both shapes carry the epoch where they need an instant.
 */
export const modelListBody = (shape: ClientShape, models: readonly string[]): string =>
  JSON.stringify(shape === 'anthropic' ? anthropicList(models) : openAiList(models))

const openAiList = (models: readonly string[]) => ({
  object: 'list',
  data: models.map((id) => ({ id, object: 'model', created: 0, owned_by: 'latchkey' })),
})

const anthropicList = (models: readonly string[]) => ({
  data: models.map((id) => ({ type: 'model', id, display_name: id, created_at: '1970-01-01T00:00:00Z' })),
  has_more: false,
  first_id: models.at(0) ?? null,
  last_id: models.at(-1) ?? null,
})
