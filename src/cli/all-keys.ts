// All keys that a filter admits, page by page.
import type { KeyRecord } from '../keys/key-book.ts'
import type { Store } from '../store/store.ts'

const PAGE_SIZE = 1_000

/** By id; `ownerPath` includes what is below it. */
export const allKeys = async (
  { keyBook }: Store,
  filter: Readonly<{ ownerPath: string | undefined; includeRevoked: boolean }>,
): Promise<readonly KeyRecord[]> => {
  const { ownerPath, includeRevoked } = filter
  const records: KeyRecord[] = []
  for (let afterId: string | undefined; ; afterId = records.at(-1)?.id) {
    const page = await keyBook.listKeys({
      pageSize: PAGE_SIZE,
      includeRevoked,
      ...(ownerPath === undefined ? {} : { ownerPath }),
      ...(afterId === undefined ? {} : { afterId }),
    })
    records.push(...page)
    if (page.length < PAGE_SIZE) return records
  }
}
