// Writes what reflection tells of proto/ into the source, so that the package needs no .proto files: a part of `npm run gen`.
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const WIDTH = 100

/** The text of src/grpc/file-descriptors.ts. Needs `buf` on the PATH. */
export const describedFiles = (root: string): string => {
  const args = ['build', '--as-file-descriptor-set', '--exclude-source-info', '-o', '-']
  const { status, stdout, stderr } = spawnSync('buf', args, { cwd: root })
  if (status !== 0) throw new Error(`buf build: ${stderr.toString()}`)
  const lines = stdout.toString('base64').match(new RegExp(`.{1,${WIDTH}}`, 'g')) ?? []
  return [
    '// A FileDescriptorSet of proto/ and all that it imports, in base64: what reflection tells. Written by `npm run gen`.',
    '',
    'export const FILE_DESCRIPTORS: string = [',
    ...lines.map((line) => `  '${line}',`),
    "].join('')",
    '',
  ].join('\n')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = fileURLToPath(new URL('..', import.meta.url))
  const path = `${root}/src/grpc/file-descriptors.ts`
  const text = describedFiles(root)
  if (readFileSync(path, { encoding: 'utf8', flag: 'a+' }) !== text) writeFileSync(path, text)
}
