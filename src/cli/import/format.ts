// What a format of imported keys is given and gives.
import type { KeyDraft } from '../../keys/key-book.ts'
import type { Secrets } from '../../keys/secret.ts'
import type { FieldReader } from './field-reader.ts'

export type FormatContext = Readonly<{
  secrets: Secrets
  /** Of keys that name none, and above those that do in a format with owners of its own. */
  defaultOwner: string
  /** True when an owner was given, which then stands in the place of organisations. */
  ownerGiven: boolean
}>

export type ImportFormat = (row: FieldReader, context: FormatContext) => KeyDraft | undefined
