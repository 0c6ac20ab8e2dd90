// A request's path without its query: bytes up to the first question mark, never parsed as a URL.

export const resourcePathOf = (path: string): string => {
  const query = path.indexOf('?')
  return query < 0 ? path : path.slice(0, query)
}
