// The management port for keys and owners.
import { Rejection } from '../kernel/failure.ts'
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
  /** Of a key that comes from elsewhere. */
  disabled?: boolean
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
  ownerPath?: string | undefined
  includeRevoked?: boolean
  /** Those that bear all of these; an undefined value stands for any. */
  labels?: Readonly<Record<string, string | undefined>>
  afterId?: string
  pageSize: number
}>

/** A new secret for a key, whose others end after the grace. */
export type RotationDraft = Readonly<{
  digest: Uint8Array
  hint: string
  /** 0: at once. */
  graceMs: number
  /** Ends at once what is left of an earlier rotation's grace, which is a conflict otherwise. */
  force: boolean
  /** By which the same call is known when it is repeated, 32 bytes, and the salt that the secret was derived with. */
  request?: Readonly<{ digest: Uint8Array; salt: Uint8Array }>
}>

export type Rotation = Readonly<{
  keyId: string
  /** Of a repeated call what the first one brought: the secret must be derived with this salt and have this digest. */
  digest: Uint8Array
  salt: Uint8Array | undefined
  hint: string
  rotatedAtMs: number
  /** From here on the secret before is refused as one that never was. */
  graceEndsAtMs: number
  repeated: boolean
}>

export type LiveSecret = Readonly<{
  hint: string
  /** Unknown for those that an older program made. */
  createdAtMs: number | undefined
  /** When its grace ends; undefined for the one that stays. */
  endsAtMs: number | undefined
}>

export type BulkRevocation = Readonly<{
  revoked: readonly string[]
  /** Not revoked yet: ask again. */
  remaining: number
}>

export type ImportOptions = Readonly<{
  /** Owners that are missing are made, with those above them. */
  createOwners: boolean
  /** Everything is tried, and nothing written. */
  dryRun: boolean
}>

export type Imported = Readonly<{
  created: number
  /** Drafts whose secret is a key's already: nothing of that key changes. */
  unchanged: readonly number[]
  ownersCreated: readonly string[]
}>

/** A draft that cannot be imported, by its place among them. `lacksOwner`: only for want of its owner. */
export type ImportFault = Readonly<{ index: number; sentence: string; lacksOwner?: true }>

/** Nothing was imported; every fault is named. */
export class ImportRefused extends Rejection {
  readonly faults: readonly ImportFault[]

  constructor(faults: readonly ImportFault[], drafts: number) {
    super('conflict', `${faults.length} faults in ${drafts} keys; nothing was imported`)
    this.faults = faults
  }
}

/** A key that expires, or a secret of one whose grace ends. */
export type Expiring = Readonly<{
  what: 'key' | 'secret'
  keyId: string
  name: string
  ownerPath: string
  hint: string
  endsAtMs: number
}>

/** Up to and with `untilMs`; `ownerPath` includes what is below it. */
export type ExpiringFilter = Readonly<{ untilMs: number; ownerPath?: string }>

/** Every method validates its input, throws Rejection when it cannot be done, and changes all of it or nothing. */
export type KeyBook = Readonly<{
  /** All drafts or none. Owner, policies and guardrails must exist. */
  createKeys(drafts: readonly KeyDraft[]): Promise<readonly KeyRecord[]>
  /** At most 10,000, all or none; throws ImportRefused with every fault. Whatever is there already stays as it is. */
  importKeys(drafts: readonly KeyDraft[], options: ImportOptions): Promise<Imported>
  getKey(id: string): Promise<KeyRecord>
  /** The key a secret belongs to, for explain; undefined when there is none. */
  findKeyByDigest(digest: Uint8Array): Promise<KeyRecord | undefined>
  /** The digest of a live secret of the key, for explain by id; not_found when it has none. */
  digestOfKey(id: string): Promise<Uint8Array>
  /** By id, ascending; `ownerPath` includes what is below it. At most pageSize (1 to 1,000). */
  listKeys(filter: KeyFilter): Promise<readonly KeyRecord[]>
  updateKey(id: string, change: KeyChange): Promise<KeyRecord>
  setKeyDisabled(id: string, disabled: boolean): Promise<KeyRecord>
  /**
   * At most two secrets live: conflict while an earlier grace runs, unless forced, for a revoked key, and for a request that named
   * another rotation before. A repeated request changes nothing.
   */
  rotateKey(id: string, draft: RotationDraft): Promise<Rotation>
  /** The newest first; empty when none is left. */
  secretsOf(id: string): Promise<readonly LiveSecret[]>
  /** For ever. Revoking twice is fine and keeps the first instant. A revoked key cannot be changed. */
  revokeKey(id: string): Promise<KeyRecord>
  /** Of the owner and all below it, at most 10,000 at once; conflict, and none revoked, when there are not as many as expected. */
  revokeKeysOf(filter: Readonly<{ ownerPath: string; expected: number | undefined }>): Promise<BulkRevocation>
  /** The next to end first. */
  listExpiring(filter: ExpiringFilter): Promise<readonly Expiring[]>
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
