// All keys that a filter admits, page by page.
import type { KeyFilter, KeyRecord } from '../keys/key-book.ts'
import type { Store } from '../store/store.ts'

const PAGE_SIZE = 1_000

/** By id; `ownerPath` includes what is below it. */
export const allKeys = async (
  { keyBook }: Store,
  filter: Readonly<{ ownerPath: string | undefined; includeRevoked: boolean }> & Pick<KeyFilter, 'labels'>,
): Promise<readonly KeyRecord[]> => {
  const { ownerPath, includeRevoked, labels = {} } = filter
  const records: KeyRecord[] = []
  for (let afterId: string | undefined; ; afterId = records.at(-1)?.id) {
    const page = await keyBook.listKeys({
      pageSize: PAGE_SIZE,
      includeRevoked,
      labels,
      ...(ownerPath === undefined ? {} : { ownerPath }),
      ...(afterId === undefined ? {} : { afterId }),
    })
    records.push(...page)
    if (page.length < PAGE_SIZE) return records
  }
}
