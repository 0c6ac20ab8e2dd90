// envoy/gateway.yaml as it is shipped, on a certificate and provider keys of the test's own, and a client for each protocol.
import { cp, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Document } from 'yaml'
import { envoyFile } from '../../src/cli/demo/envoy-config.ts'
import type { Lifecycle } from '../../src/kernel/lifecycle.ts'
import { createLifecycle } from '../../src/kernel/lifecycle.ts'
import type { Certificate } from './certificates.ts'
import { createAuthority, createCertificate } from './certificates.ts'
import type { EnvoyRig } from './envoy-rig.ts'
import { startEnvoyRig } from './envoy-rig.ts'
import { startHttp3Client } from './http3-client.ts'
import { sendOverHttp1, sendOverHttp2 } from './https-client.ts'
import type { RawRequest, RawResponse } from './raw-client.ts'
import { sendRaw } from './raw-client.ts'
import { envoyOf } from './tested-envoys.ts'

export type Protocol = 'HTTP/1.1' | 'HTTP/2' | 'HTTP/3'

export type GatewayRig = Omit<EnvoyRig, 'send' | 'chat'> &
  Readonly<{
    authority: Certificate
    sendOver(protocol: Protocol, request: RawRequest): Promise<RawResponse>
    /** As an operator replaces it: written beside, then moved over. */
    replaceFile(name: string, content: string): Promise<void>
  }>

export type GatewayOptions = Readonly<{
  version: string
  change?: (document: Document) => void
  /** What stands in files of the folder from the start, in place of what is shipped. */
  files?: Readonly<Record<string, string>>
}>

export const PROVIDER_KEYS = {
  openai: 'sk-openai-of-the-operator',
  anthropic: 'sk-ant-of-the-operator',
  gemini: 'AIza-of-the-operator',
}

/** What was started is stopped when a step fails. */
export const startGateway = async (options: GatewayOptions): Promise<GatewayRig> => {
  const lifecycle = createLifecycle()
  try {
    return await start(options, lifecycle)
  } catch (error) {
    await lifecycle.close()
    throw error
  }
}

/** The folder as it is shipped, with keys in place of those that are to be replaced. */
export const writeGatewayFolder = async (folder: string, certificate: Certificate): Promise<void> => {
  await cp(join(dirname(envoyFile('gateway')), 'gateway'), folder, { recursive: true })
  const keys = Object.values(PROVIDER_KEYS)
  for (const name of await readdir(folder)) {
    const path = join(folder, name)
    const shipped = await readFile(path, 'utf8')
    const key = keys[Object.keys(PROVIDER_KEYS).indexOf(name.replace('.yaml', ''))]
    await writeFile(path, inFolder(folder, shipped).replace(/[\w-]+-replace-me/, key ?? ''))
  }
  await writeFile(join(folder, 'tls.crt'), certificate.certPem)
  await writeFile(join(folder, 'tls.key'), certificate.keyPem)
}

export const inFolder = (folder: string, text: string): string =>
  text.replaceAll('/etc/envoy/gateway', folder)

const start = async (
  { version, change, files = {} }: GatewayOptions,
  lifecycle: Lifecycle,
): Promise<GatewayRig> => {
  const directory = await mkdtemp(join(tmpdir(), 'latchkey-gateway-'))
  lifecycle.onClose('directory', () => rm(directory, { recursive: true, force: true }))
  const folder = join(directory, 'gateway')
  const authority = createAuthority('authority')
  await writeGatewayFolder(folder, createCertificate('gateway', authority))
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content)
  const rig = await startEnvoyRig({
    version,
    name: 'gateway',
    change: (document) => {
      for (const [name, value] of [['address', '127.0.0.1'] as const, ['port_value', 0] as const])
        document.setIn(['static_resources', 'listeners', 1, 'address', 'socket_address', name], value)
      change?.(document)
    },
    rewrite: (text) => inFolder(folder, text),
  })
  lifecycle.onClose('rig', rig.close)
  const http3 = await startHttp3Client({
    binary: await envoyOf(version),
    directory,
    port: await udpPortOf(rig.envoy.adminPort),
    authorityPem: authority.certPem,
  })
  lifecycle.onClose('HTTP/3 client', http3.stop)
  const server = { port: rig.envoy.port, authorityPem: authority.certPem }
  return {
    ...rig,
    authority,
    sendOver: (protocol, request) =>
      protocol === 'HTTP/1.1'
        ? sendOverHttp1(server, request)
        : protocol === 'HTTP/2'
          ? sendOverHttp2(server, request)
          : sendRaw(http3.port, request),
    replaceFile: async (name, content) => {
      await writeFile(join(directory, name), content)
      await rename(join(directory, name), join(folder, name))
    },
    close: lifecycle.close,
  }
}

const udpPortOf = async (adminPort: number): Promise<number> => {
  const page = await (await fetch(`http://127.0.0.1:${adminPort}/listeners`)).text()
  const port = /^models-http3::.*:(\d+)$/m.exec(page)?.[1]
  if (port === undefined) throw new Error(`no listener for HTTP/3: ${page}`)
  return Number(port)
}
