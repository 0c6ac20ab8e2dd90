// What a decision may look at, and nothing of Envoy: the request, normalised once at the edge.

export type AuthRequest = Readonly<{
  /** Envoy's id of the request and its start: together the same over retries of one Check and unique over requests. */
  id: string
  startedAt: string
  /** IP address of the connection that Envoy has the request from; empty when there is none. */
  source: string
  method: string
  /** As received, query included; bytes as Latin-1, never parsed as a URL. Empty when Envoy sent none. */
  path: string
  /** Lower-case name to its lines, in order; bytes as Latin-1. Pseudo-headers are left out. */
  headers: RequestHeaders
  /** What Envoy buffered of the body. */
  body: Uint8Array
  /** False when Envoy cut the body, or did not send the body that the request says it has. */
  bodyComplete: boolean
  /** Guardrails that this Envoy route declares its upstream enforces (context_extensions), or undefined. */
  declaredGuardrails: readonly string[] | undefined
}>

/** Asked by lower-case names of ASCII only. A Map is one. */
export type RequestHeaders = Readonly<{
  get(name: string): readonly string[] | undefined
  has(name: string): boolean
}>
