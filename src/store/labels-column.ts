// Labels as one JSON column, read.
import type { Labels } from '../keys/virtual-key.ts'
import { NO_LABELS } from '../keys/virtual-key.ts'

/** null for none. */
export const labelsFromColumn = (json: string | null): Labels => {
  if (json === null) return NO_LABELS
  return JSON.parse(json) as Labels
}
