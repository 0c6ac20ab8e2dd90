// Where a request comes from: the connection that Envoy has it from, or what the proxies before it wrote down.
import type { AuthRequest } from './auth-request.ts'

/**
 * `depth` 0: the address of the connection. Else that entry of x-forwarded-for, counted from its end: what stands further to the left
 * was written by whoever asks. undefined when there is no such entry.
 */
export const clientAddressOf = (
  { source, headers }: Pick<AuthRequest, 'source' | 'headers'>,
  depth: number,
): string | undefined => {
  if (depth === 0) return source === '' ? undefined : source
  const entries = headers.get('x-forwarded-for')?.flatMap((line) => line.split(','))
  const entry = entries?.at(-depth)?.trim()
  return entry === undefined || entry === '' ? undefined : withoutPort(entry)
}

/** The same for who only counts by it; read when it is asked for. */
export const sourceOf = (
  request: Pick<AuthRequest, 'source' | 'headers'>,
  { forwardedForDepth }: Readonly<{ forwardedForDepth: number }>,
): Readonly<{ source: string }> =>
  forwardedForDepth === 0
    ? request
    : {
        get source() {
          return clientAddressOf(request, forwardedForDepth) ?? ''
        },
      }

/** `192.0.2.1:4711` and `[2001:db8::1]:4711`, as some proxies write it. */
const withoutPort = (entry: string): string => {
  const [, bracketed, plain] = /^\[([0-9A-Fa-f:.]+)\](?::\d+)?$|^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(entry) ?? []
  return bracketed ?? plain ?? entry
}
