// Keys that will surprise their holders: expiring soon, or refused because of an owner.
import type { KeyRecord, OwnerRecord } from '../../keys/key-book.ts'
import type { Finding } from '../finding.ts'
import { orFine, someOf, warning } from '../finding.ts'

const SOON_MS = 7 * 86_400_000

export const examineKeys = (
  { keys, owners }: Readonly<{ keys: readonly KeyRecord[]; owners: readonly OwnerRecord[] }>,
  nowMs: number,
): readonly Finding[] => {
  const usable = keys.filter(
    ({ disabled, expiresAtMs }) => !disabled && (expiresAtMs === undefined || expiresAtMs > nowMs),
  )
  const expiring = usable.filter(
    ({ expiresAtMs }) => expiresAtMs !== undefined && expiresAtMs <= nowMs + SOON_MS,
  )
  const off = owners.filter(({ disabled }) => disabled).map(({ path }) => path)
  const stranded = off.filter((path) =>
    usable.some(({ ownerPath }) => ownerPath === path || ownerPath.startsWith(`${path}/`)),
  )
  return [
    ...orFine(
      expiring.length === 0
        ? []
        : [
            warning(
              'keys_expiring',
              `${expiring.length} expire within seven days: ${someOf(expiring.map(({ id }) => id))}`,
              'latchkey keys update ID --expires …, or tell their holders',
            ),
          ],
      'keys_expiring',
      'no key expires within seven days',
    ),
    ...orFine(
      stranded.length === 0
        ? []
        : [
            warning(
              'owners_disabled',
              `disabled, with keys that are in force and refused for it: ${someOf(stranded)}`,
              'latchkey owners enable PATH, or revoke the keys below it',
            ),
          ],
      'owners_disabled',
      'no disabled owner has keys in force',
    ),
  ]
}
