// The management port for keys and owners.
import type { Rules } from '../policy/policy.ts'
import type { LimitDraft } from '../quota/limit-book.ts'
import type { FailMode, Labels } from './virtual-key.ts'

export type OwnerRecord = Readonly<{
  id: string
  path: string
  disabled: boolean
  rules: Rules
  labels: Labels
  createdAtMs: number
}>

export type KeyDraft = Readonly<{
  name: string
  ownerPath: string
  /** SHA-256 of the whole secret, 32 bytes. The book never sees the secret. */
  digest: Uint8Array
  hint: string
  notBeforeMs: number | undefined
  expiresAtMs: number | undefined
  rules: Rules
  limits: readonly LimitDraft[]
  /** Closed unless told otherwise. */
  failMode?: FailMode
  /** Off unless told otherwise. */
  shadow?: boolean
  labels?: Labels
}>

export type KeyRecord = Readonly<{
  id: string
  name: string
  hint: string
  ownerPath: string
  disabled: boolean
  revokedAtMs: number | undefined
  notBeforeMs: number | undefined
  expiresAtMs: number | undefined
  rules: Rules
  failMode: FailMode
  shadow: boolean
  labels: Labels
  createdAtMs: number
}>

/** Only fields that are present change; a field present with undefined is cleared. */
export type KeyChange = Partial<
  Readonly<Pick<KeyRecord, 'name' | 'notBeforeMs' | 'expiresAtMs' | 'failMode' | 'shadow' | 'labels'>>
> &
  Readonly<{ rules?: Partial<Rules> }>

export type KeyFilter = Readonly<{
  ownerPath?: string
  includeRevoked?: boolean
  /** Those that bear all of these; an undefined value stands for any. */
  labels?: Readonly<Record<string, string | undefined>>
  afterId?: string
  pageSize: number
}>

/** Every method validates its input, throws Rejection when it cannot be done, and changes all of it or nothing. */
export type KeyBook = Readonly<{
  /** All drafts or none. Owner, policies and guardrails must exist. */
  createKeys(drafts: readonly KeyDraft[]): Promise<readonly KeyRecord[]>
  getKey(id: string): Promise<KeyRecord>
  /** The key a secret belongs to, for explain; undefined when there is none. */
  findKeyByDigest(digest: Uint8Array): Promise<KeyRecord | undefined>
  /** The digest of a live secret of the key, for explain by id; not_found when it has none. */
  digestOfKey(id: string): Promise<Uint8Array>
  /** By id, ascending; `ownerPath` includes what is below it. At most pageSize (1 to 1,000). */
  listKeys(filter: KeyFilter): Promise<readonly KeyRecord[]>
  updateKey(id: string, change: KeyChange): Promise<KeyRecord>
  setKeyDisabled(id: string, disabled: boolean): Promise<KeyRecord>
  /** For ever. Revoking twice is fine and keeps the first instant. A revoked key cannot be changed. */
  revokeKey(id: string): Promise<KeyRecord>
}>

export type OwnerChange = Readonly<{ rules?: Partial<Rules>; labels?: Labels }>

export type OwnerBook = Readonly<{
  /** The parent must exist unless `withParents`. conflict when it exists. */
  createOwner(
    path: string,
    rules: Rules,
    options?: { withParents?: boolean; labels?: Labels },
  ): Promise<OwnerRecord>
  getOwner(path: string): Promise<OwnerRecord>
  listOwners(filter?: Pick<KeyFilter, 'labels'>): Promise<readonly OwnerRecord[]>
  /** Only what is present changes; labels are replaced as a whole. */
  updateOwner(path: string, change: OwnerChange): Promise<OwnerRecord>
  /** Disables or enables everything below it too, for as long as it is so. */
  setOwnerDisabled(path: string, disabled: boolean): Promise<OwnerRecord>
  /** Refused with conflict while it has keys that are not revoked, or owners below it. */
  deleteOwner(path: string): Promise<void>
}>
