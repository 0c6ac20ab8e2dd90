// All keys that a filter admits, page by page.
import type { KeyBook, KeyFilter, KeyRecord } from './key-book.ts'

const PAGE_SIZE = 1_000

/** By id. */
export const allKeys = async (
  book: Pick<KeyBook, 'listKeys'>,
  filter: Omit<KeyFilter, 'afterId' | 'pageSize'> = {},
): Promise<readonly KeyRecord[]> => {
  const keys: KeyRecord[] = []
  for (;;) {
    const afterId = keys.at(-1)?.id
    const page = await book.listKeys({
      ...filter,
      pageSize: PAGE_SIZE,
      ...(afterId === undefined ? {} : { afterId }),
    })
    keys.push(...page)
    if (page.length < PAGE_SIZE) return keys
  }
}
