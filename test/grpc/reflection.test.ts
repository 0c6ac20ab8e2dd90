// Reflection says what can be asked, as precisely as the protos do, to whoever may ask at all and to nobody else.
import { status } from '@grpc/grpc-js'
import { expect, it } from 'vitest'
import { FILE_DESCRIPTORS } from '../../src/grpc/file-descriptors.ts'
import { createAuthority, createCertificate } from '../support/certificates.ts'
import { aCheckRequest } from '../support/check-requests.ts'
import { aClient, aServer, ask } from '../support/grpc-rig.ts'
import type { ReflectionVersion } from '../support/reflection-client.ts'
import { reflect, servicesAt } from '../support/reflection-client.ts'
import { channelOf, tlsFiles } from '../support/tls-rig.ts'

const VERSIONS: readonly ReflectionVersion[] = ['v1', 'v1alpha']
const ON = { transport: 'grpc-js', reflection: true } as const

it.each(VERSIONS)('%s names both services and nothing else', async (version) => {
  const { address } = await aServer(ON)
  expect((await servicesAt(address, version)).toSorted()).toEqual([
    'envoy.service.auth.v3.Authorization',
    'grpc.health.v1.Health',
  ])
})

it.each([
  ['envoy.service.auth.v3.Authorization', 'envoy/service/auth/v3/external_auth.proto'],
  ['envoy.service.auth.v3.Authorization.Check', 'envoy/service/auth/v3/external_auth.proto'],
  ['envoy.service.auth.v3.AttributeContext', 'envoy/service/auth/v3/attribute_context.proto'],
  ['grpc.health.v1.Health', 'grpc/health/v1/health.proto'],
  ['google.protobuf.Struct', 'google/protobuf/struct.proto'],
])('%s is described by its file, with every file that this one imports', async (symbol, path) => {
  const { address } = await aServer(ON)
  const { fileDescriptorResponse } = await reflect(address, { fileContainingSymbol: symbol })
  const files = fileDescriptorResponse?.fileDescriptorProto ?? []
  expect(files.map(nameOf)).toContain(path)
  const known = new Set(files.map(nameOf))
  const whole = Buffer.from(FILE_DESCRIPTORS, 'base64')
  for (const file of files) {
    // As buf wrote it, byte for byte in its beginning: name and package.
    expect(whole.includes(file.subarray(0, 2 + nameOf(file).length))).toBe(true)
    for (const imported of importsOf(file)) expect([...known]).toContain(imported)
  }
})

it('what is not there is not found, and the server goes on answering', async () => {
  const { address } = await aServer(ON)
  const { errorResponse } = await reflect(address, { fileContainingSymbol: 'no.such.Service' })
  expect(errorResponse?.errorCode).toBe(status.NOT_FOUND)
  expect(await servicesAt(address)).toHaveLength(2)
  await expect(ask(aClient(address), aCheckRequest())).resolves.toBeDefined()
})

it('is not there unless asked for', async () => {
  const { address } = await aServer({ transport: 'grpc-js' })
  await expect(servicesAt(address)).rejects.toMatchObject({ code: status.UNIMPLEMENTED })
})

it('is told to nobody whose certificate does not bear one of the names', async () => {
  const authority = createAuthority('authority')
  const tls = await tlsFiles(createCertificate('server', authority), authority)
  const { address } = await aServer({ ...ON, tls: { ...tls, clientNames: ['envoy.test'] } })
  const known = createCertificate('envoy', authority, { dns: ['envoy.test'] })
  expect(await servicesAt(address, 'v1', channelOf(authority, known))).toHaveLength(2)
  const stranger = createCertificate('stranger', authority, { dns: ['stranger.test'] })
  await expect(servicesAt(address, 'v1', channelOf(authority, stranger))).rejects.toMatchObject({
    code: status.PERMISSION_DENIED,
  })
})

/** Field 1 of a FileDescriptorProto, which comes first; names are shorter than 128 bytes. */
const nameOf = (file: Buffer): string => file.subarray(2, 2 + (file[1] ?? 0)).toString()

/** Fields 3, between the package and the first message. */
const importsOf = (file: Buffer): readonly string[] => {
  const found: string[] = []
  for (let at = 0; at + 1 < file.length; ) {
    const [tag = 0, length = 0] = file.subarray(at, at + 2)
    if (tag > 0x1a) break
    if (tag === 0x1a) found.push(file.subarray(at + 2, at + 2 + length).toString())
    at += 2 + length
  }
  return found
}
