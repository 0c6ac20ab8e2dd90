// Ports: are they free, is one of them open to other machines without TLS?
import { once } from 'node:events'
import { request } from 'node:http'
import { createServer } from 'node:net'
import type { Config } from '../../config.ts'
import { formatHostPort, isLoopback, parseListenAddress } from '../../kernel/listen-address.ts'
import { workerAddress } from '../../workers/worker-address.ts'
import type { Finding } from '../finding.ts'
import { fault, fine, messageOf, orFine, skipped, warning } from '../finding.ts'

export const examinePorts = async (config: Config): Promise<readonly Finding[]> => {
  const { listen, healthListen, workers } = config
  const running = healthListen !== undefined && (await isAlive(healthListen))
  const all = workers === 1 ? [listen] : Array.from({ length: workers }, (_, at) => workerAddress(listen, at))
  const taken = listen.startsWith('unix:') ? [] : await mistakesOf('listen_port', 'listen', all)
  return [
    ...(listen.startsWith('unix:')
      ? [skipped('listen_port', 'Latchkey listens on a socket file')]
      : unlessRunning(running, taken, 'listen_port', listen)),
    ...(healthListen === undefined
      ? [skipped('health_port', 'health_listen is off')]
      : unlessRunning(
          running,
          await mistakesOf('health_port', 'health_listen', [healthListen]),
          'health_port',
          healthListen,
        )),
    examinePlaintext(config),
  ]
}

const unlessRunning = (
  running: boolean,
  mistakes: readonly Finding[],
  check: string,
  address: string,
): readonly Finding[] =>
  running
    ? [fine(check, `${address}: a Latchkey is running, and answers /livez`)]
    : orFine(mistakes, check, `${address} is free`)

const mistakesOf = async (
  check: string,
  setting: string,
  addresses: readonly string[],
): Promise<readonly Finding[]> => {
  const tried = await Promise.all(addresses.map((address) => cannotBind(check, setting, address)))
  return tried.filter((found) => found !== undefined)
}

/** Binds it for an instant; nobody is answered meanwhile. */
const cannotBind = async (check: string, setting: string, text: string): Promise<Finding | undefined> => {
  const server = createServer()
  try {
    const address = parseListenAddress(text)
    if (address.kind === 'unix') return undefined
    server.listen({ host: address.host, port: address.port, exclusive: true })
    await once(server, 'listening')
    server.close()
    await once(server, 'close')
    return undefined
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'EADDRINUSE')
      return fault(
        check,
        `${text} is taken by another process`,
        `find it with: ss -ltnp, or give ${setting} another port`,
      )
    return fault(
      check,
      `${text} cannot be listened on: ${messageOf(error)}`,
      `give ${setting} an address of this machine and a port that its user may use`,
    )
  }
}

const ANSWERS_WITHIN_MS = 1_000

const isAlive = async (address: string): Promise<boolean> => {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const asked = request(`http://${reachable(address)}/livez`, { agent: false }, (answer) => {
    answer.resume().once('close', () => resolve(answer.statusCode === 200))
  })
  asked.setTimeout(ANSWERS_WITHIN_MS, () => asked.destroy())
  asked.once('error', () => resolve(false))
  asked.end()
  return promise
}

/** Who listens everywhere is asked on loopback. */
const reachable = (address: string): string =>
  address.replace(/^0\.0\.0\.0:/, '127.0.0.1:').replace(/^\[::\]:/, '[::1]:')

const examinePlaintext = ({ listen, tls, plaintext }: Config): Finding => {
  const check = 'plaintext'
  const address = parseListenAddress(listen)
  if (address.kind === 'unix') return fine(check, 'a socket file: nobody on the network reaches it')
  const shown = formatHostPort(address.host, address.port)
  if (tls !== undefined) return fine(check, `${shown} speaks TLS and asks for a certificate`)
  if (isLoopback(address.host)) return fine(check, `${shown} is reached from this machine only`)
  if (plaintext === 'anywhere')
    return warning(
      check,
      `whoever reaches ${shown} may ask and listen: plaintext is anywhere`,
      'set tls_cert_file, tls_key_file and tls_client_ca_file, or make sure that only Envoy reaches it',
    )
  return fault(
    check,
    `${shown} is reachable from other machines and has no TLS: serve will not start`,
    'set tls_cert_file, tls_key_file and tls_client_ca_file, or listen on a socket file or on 127.0.0.1',
  )
}
