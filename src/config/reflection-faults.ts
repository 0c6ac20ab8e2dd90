// Reflection is answered by grpc-js alone; where the lane would carry Checks there would be none.
import { isLoopback, parseListenAddress } from '../kernel/listen-address.ts'
import type { Settings } from './settings.ts'

type Given = Pick<Settings, 'reflection' | 'transport' | 'listen' | 'tls_cert_file'>

/** Each without where it was given. */
export const reflectionFaults = ({
  reflection,
  transport,
  listen,
  tls_cert_file,
}: Given): readonly string[] => {
  if (reflection === 'off' || transport === 'grpc-js' || tls_cert_file !== undefined) return []
  const address = parseListenAddress(listen)
  const laneCarries = address.kind === 'unix' || isLoopback(address.host)
  return laneCarries ? ['the lane answers Checks and health alone: give transport grpc-js as well'] : []
}
