// envoy/mtls.yaml as it is shipped, its addresses aside, with certificates that a test can replace at either end.
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Document } from 'yaml'
import { envoyFile } from '../../src/cli/demo/envoy-config.ts'
import { createLifecycle } from '../../src/kernel/lifecycle.ts'
import type { Certificate } from './certificates.ts'
import { createAuthority, createCertificate } from './certificates.ts'
import type { EnvoyRig } from './envoy-rig.ts'
import { startEnvoyRig } from './envoy-rig.ts'

/** What one end shows, and whom it trusts. */
export type End = Readonly<{ shows?: Certificate; trusts?: readonly Certificate[] }>

export type MtlsRig = EnvoyRig &
  Readonly<{
    authority: Certificate
    /** Files of Envoy, or of Latchkey, replaced by a move each. */
    replace(end: 'envoy' | 'latchkey', files: End): Promise<void>
  }>

export type MtlsOptions = Readonly<{
  version: string
  settings?: Readonly<Record<string, string>>
  change?: (document: Document) => void
}>

export const ENVOY_NAME = 'envoy.internal'
export const LATCHKEY_NAME = 'latchkey.internal'

export const namedCertificate = (dns: string, authority: Certificate): Certificate =>
  createCertificate(dns, authority, { dns: [dns] })

export const startMtls = async ({ version, settings = {}, change }: MtlsOptions): Promise<MtlsRig> => {
  const lifecycle = createLifecycle()
  try {
    const directory = await mkdtemp(join(tmpdir(), 'latchkey-mtls-'))
    lifecycle.onClose('directory', () => rm(directory, { recursive: true, force: true }))
    const folders = { envoy: join(directory, 'envoy'), latchkey: join(directory, 'latchkey') }
    const authority = createAuthority('authority')
    await writeMtlsFolder(folders.envoy, namedCertificate(ENVOY_NAME, authority), authority)
    await mkdir(folders.latchkey)
    await writeFiles(folders.latchkey, {
      shows: namedCertificate(LATCHKEY_NAME, authority),
      trusts: [authority],
    })
    const rig = await startEnvoyRig({
      version,
      name: 'mtls',
      settings: {
        tls_cert_file: join(folders.latchkey, 'tls.crt'),
        tls_key_file: join(folders.latchkey, 'tls.key'),
        tls_client_ca_file: join(folders.latchkey, 'ca.crt'),
        tls_client_names: ENVOY_NAME,
        tls_reload_interval: '10ms',
        ...settings,
      },
      ...(change === undefined ? {} : { change }),
      rewrite: (text) => text.replaceAll('/etc/envoy/mtls', folders.envoy),
    })
    lifecycle.onClose('rig', rig.close)
    return {
      ...rig,
      authority,
      replace: (end, files) => writeFiles(folders[end], files),
      close: lifecycle.close,
    }
  } catch (error) {
    await lifecycle.close()
    throw error
  }
}

/** The folder as it is shipped, with what an operator puts there. */
export const writeMtlsFolder = async (
  folder: string,
  certificate: Certificate,
  authority: Certificate,
): Promise<void> => {
  await cp(join(dirname(envoyFile('mtls')), 'mtls'), folder, { recursive: true })
  for (const name of await readdir(folder)) {
    const shipped = await readFile(join(folder, name), 'utf8')
    await writeFile(join(folder, name), shipped.replaceAll('/etc/envoy/mtls', folder))
  }
  await writeFiles(folder, { shows: certificate, trusts: [authority] })
}

const writeFiles = async (folder: string, { shows, trusts }: End): Promise<void> => {
  const files = {
    ...(shows === undefined ? {} : { 'tls.key': shows.keyPem, 'tls.crt': shows.certPem }),
    ...(trusts === undefined ? {} : { 'ca.crt': trusts.map(({ certPem }) => certPem).join('') }),
  }
  for (const [name, content] of Object.entries(files)) {
    // Not in the folder itself, which is watched.
    await writeFile(`${folder}-${name}`, content)
    await rename(`${folder}-${name}`, join(folder, name))
  }
}
