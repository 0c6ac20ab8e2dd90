// Model globs to routes. Exact beats longest glob; a non-empty catalogue admits nothing else.

/** `name` is an exact model name or a glob; `guardrails` are those that the route's upstream enforces. */
export type Model = Readonly<{ name: string; route: string; guardrails: readonly string[] }>
