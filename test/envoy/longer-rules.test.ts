// A header more in decoder_header_mutation_rules: Envoy's own bound for an expression would keep it from starting.
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { Document } from 'yaml'
import { envoyConfig } from '../../src/cli/demo/envoy-config.ts'
import { createAuthority, createCertificate } from '../support/certificates.ts'
import { aDirectory } from '../support/closing.ts'
import { inFolder, writeGatewayFolder } from '../support/gateway-rig.ts'
import { writeMtlsFolder } from '../support/mtls-rig.ts'
import { ENVOYS, envoyOf } from '../support/tested-envoys.ts'

const HCM = ['static_resources', 'listeners', 0, 'filter_chains', 0, 'filters', 0, 'typed_config']
const REGEX = ['typed_config', 'decoder_header_mutation_rules', 'allow_expression', 'regex']
const NAMES = ['demo', 'sidecar', 'two-sidecars', 'workers', 'gateway', 'mtls'] as const
const MORE = 'x-guardrails|x-corporate-credential|x-virtual-key|x-gateway-authorization|x-team-[a-z0-9-]+'

const withMore = (document: Document): void => {
  const authz = [0, 1].find(
    (index) => document.getIn([...HCM, 'http_filters', index, 'name']) === 'envoy.filters.http.ext_authz',
  )
  const path = [...HCM, 'http_filters', authz, ...REGEX]
  document.setIn(path, `${MORE}|${String(document.getIn(path))}`)
}

const validate = async (
  version: string,
  name: (typeof NAMES)[number],
  change: (document: Document) => void,
) => {
  const directory = await aDirectory()
  const folders = { gateway: join(directory, 'gateway'), mtls: join(directory, 'mtls') }
  const authority = createAuthority('authority')
  const certificate = createCertificate('envoy', authority)
  if (name === 'gateway') await writeGatewayFolder(folders.gateway, certificate)
  if (name === 'mtls') await writeMtlsFolder(folders.mtls, certificate, authority)
  const path = join(directory, 'envoy.yaml')
  const config = await envoyConfig(name, { listenPort: 0, adminPort: 0, clusters: {} }, change)
  await writeFile(path, inFolder(folders.gateway, config).replaceAll('/etc/envoy/mtls', folders.mtls))
  return promisify(execFile)((await envoyOf(version)).path, ['--mode', 'validate', '-l', 'warn', '-c', path])
}

describe.each(ENVOYS)('Envoy %s', (version) => {
  it.each(NAMES)('starts with envoy/%s.yaml and five headers more', async (name) => {
    expect((await validate(version, name, withMore)).stdout).toContain('OK')
  })

  it('does not without the bound that the shipped files set', async () => {
    const failed = validate(version, 'demo', (document) => {
      withMore(document)
      document.deleteIn(['layered_runtime'])
    })
    await expect(failed).rejects.toThrow('program size')
  })
})
