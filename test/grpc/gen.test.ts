// The generated code is what proto/ says now.
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { describedFiles } from '../../tools/write-descriptors.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const BIN = join(ROOT, 'node_modules/.bin')

const filesIn = async (directory: string): Promise<Record<string, string>> => {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const files = paths.map(
    async (path) => [path.slice(directory.length + 1), await readFile(path, 'utf8')] as const,
  )
  return Object.fromEntries(await Promise.all(files))
}

it('src/grpc/gen is what proto/ generates', async () => {
  const base = await mkdtemp(join(tmpdir(), 'latchkey-gen-'))
  try {
    const env = { ...process.env, PATH: [BIN, process.env['PATH']].join(delimiter) }
    await promisify(execFile)(join(BIN, 'buf'), ['generate', '--output', base], { cwd: ROOT, env })
    expect(await filesIn(join(base, 'src/grpc/gen'))).toEqual(await filesIn(join(ROOT, 'src/grpc/gen')))
  } finally {
    await rm(base, { recursive: true })
  }
})

it('src/grpc/file-descriptors.ts is what proto/ says', async () => {
  expect(await readFile(join(ROOT, 'src/grpc/file-descriptors.ts'), 'utf8')).toBe(describedFiles(ROOT))
})
