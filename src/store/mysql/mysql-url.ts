// Reads mysql://USER:PASSWORD@HOST:PORT/DATABASE?socket=PATH&tls=off&ca=PATH. Never repeats the URL: it holds a password.
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { Rejection } from '../../kernel/failure.ts'

export type MysqlTarget = Readonly<{
  host: string
  port: number
  socketPath: string | undefined
  user: string
  password: string
  database: string
  /** PEM authorities; empty: those that the machine trusts. undefined: no TLS. */
  tls: Readonly<{ ca: string | undefined }> | undefined
}>

const PARAMETERS = ['socket', 'tls', 'ca']

export const parseMysqlUrl = (text: string): MysqlTarget => {
  const url = parse(text)
  for (const name of url.searchParams.keys())
    if (!PARAMETERS.includes(name))
      throw invalid(`has an unknown parameter ${JSON.stringify(name)}; known are ${PARAMETERS.join(', ')}`)
  const database = decode(url.pathname.slice(1))
  if (database === '' || database.includes('/'))
    throw invalid('must end with one database: mysql://HOST:PORT/DATABASE')
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const socketPath = url.searchParams.get('socket') ?? undefined
  if (host === '' && socketPath === undefined) throw invalid('names neither a host nor a socket')
  return {
    host: host === '' ? 'localhost' : host,
    port: url.port === '' ? 3306 : Number(url.port),
    socketPath,
    user: decode(url.username),
    password: decode(url.password),
    database,
    tls: tlsOf(url, host, socketPath),
  }
}

/** Beyond loopback the server must prove who it is, unless tls=off is written out. */
const tlsOf = (url: URL, host: string, socketPath: string | undefined): MysqlTarget['tls'] => {
  const wish = url.searchParams.get('tls') ?? undefined
  const caPath = url.searchParams.get('ca') ?? undefined
  if (wish !== undefined && wish !== 'on' && wish !== 'off')
    throw invalid('has a parameter tls that is neither on nor off')
  if (wish === 'off' && caPath !== undefined) throw invalid('says tls=off, and names authorities in ca')
  if (socketPath !== undefined && (wish === 'on' || caPath !== undefined))
    throw invalid('asks for TLS on a socket file, which needs none')
  const wanted = wish === 'on' || caPath !== undefined
  if (wish === 'off' || socketPath !== undefined || (!wanted && isLoopback(host))) return undefined
  if (isIP(host) !== 0)
    throw invalid(
      'names an address, against which a certificate is not checked: name the host, or write tls=off',
    )
  return { ca: caPath === undefined ? undefined : readAuthorities(caPath) }
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)

const readAuthorities = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw invalid(
      `names authorities that cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
}

const parse = (text: string): URL => {
  const url = URL.parse(text)
  if (url?.protocol !== 'mysql:') throw invalid('is not of the form mysql://USER:PASSWORD@HOST:PORT/DATABASE')
  return url
}

const decode = (part: string): string => {
  try {
    return decodeURIComponent(part)
  } catch {
    throw invalid('has a % that begins no character')
  }
}

const invalid = (what: string): Rejection => new Rejection('invalid', `the MySQL URL ${what}`)
