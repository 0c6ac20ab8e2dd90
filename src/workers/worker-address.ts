// Where each of several processes listens, told from the one address that is configured.
import { formatHostPort, parseListenAddress } from '../kernel/listen-address.ts'

/** `unix:PATH` becomes `unix:PATH.0`, `unix:PATH.1` …; `HOST:PORT` that port and those that follow it. */
export const workerAddress = (listen: string, index: number): string => {
  const address = parseListenAddress(listen)
  return address.kind === 'unix'
    ? `unix:${address.path}.${index}`
    : formatHostPort(address.host, address.port + index)
}
