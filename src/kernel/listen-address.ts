// Where a listener stands: a socket file, or a host and a port.
import { isIP } from 'node:net'
import { Rejection } from './failure.ts'

export type ListenAddress =
  | Readonly<{ kind: 'unix'; path: string }>
  | Readonly<{ kind: 'tcp'; host: string; port: number }>

/** `unix:PATH`, `HOST:PORT` or `[IPV6]:PORT`; port 0 takes a free one. Throws Rejection. */
export const parseListenAddress = (text: string): ListenAddress => {
  if (text.startsWith('unix:') && text.length > 'unix:'.length)
    return { kind: 'unix', path: text.slice('unix:'.length) }
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:[\]/]+)):(\d{1,5})$/.exec(text) ?? []
  const host = bracketed ?? plain
  const port = Number(digits)
  if (host === undefined || port > 65_535 || (bracketed !== undefined && isIP(bracketed) !== 6))
    throw new Rejection(
      'invalid',
      `listen address ${JSON.stringify(text)} must be unix:PATH, HOST:PORT or [IPV6]:PORT`,
    )
  return { kind: 'tcp', host, port }
}

/** `127.0.0.1:9191`, `[::1]:9191` */
export const formatHostPort = (host: string, port: number): string =>
  `${isIP(host) === 6 ? `[${host}]` : host}:${port}`

/** Only addresses that can be nothing else: a name other than localhost may resolve to anything. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
