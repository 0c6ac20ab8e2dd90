// What -f names: files, directories of files, or standard input.
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { decodeText, readStart } from '../../config/text-bytes.ts'

const MIB = 1_048_576
/** Some hundred thousand owners. Also where a path leads to something without an end. */
const MOST_BYTES = 64 * MIB

export type InputFile = Readonly<{ name: string; text: string }>

/** A directory stands for its YAML and JSON files by name, without those below it. */
export const readInputFiles = async (
  paths: readonly string[],
  faults: string[],
): Promise<readonly InputFile[]> => {
  const files: InputFile[] = []
  const add = (name: string, bytes: Buffer): void => {
    if (bytes.length > MOST_BYTES) {
      faults.push(`${name}: is larger than ${MOST_BYTES / MIB}MiB; write it as several files`)
      return
    }
    const { text, badLine } = decodeText(bytes)
    if (text === undefined) faults.push(`${name}:${badLine}: is not UTF-8 text`)
    else files.push({ name, text })
  }
  for (const path of paths) {
    try {
      if (path === '-') add('stdin', await readStdin())
      else for (const name of filesAt(path, faults)) add(name, readStart(name, MOST_BYTES + 1))
    } catch (error) {
      const why = error instanceof Error && 'code' in error ? String(error.code) : String(error)
      faults.push(`${path}: cannot be read (${why})`)
    }
  }
  return files
}

const filesAt = (path: string, faults: string[]): readonly string[] => {
  if (!statSync(path).isDirectory()) return [path]
  const names = readdirSync(path).filter((name) => /\.(ya?ml|json)$/.test(name))
  if (names.length === 0) faults.push(`${path}: holds no file that ends in .yaml, .yml or .json`)
  return names.toSorted().map((name) => join(path, name))
}

const readStdin = async (): Promise<Buffer> => {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of process.stdin) {
    const bytes = Buffer.from(chunk as Uint8Array)
    chunks.push(bytes)
    length += bytes.length
    if (length > MOST_BYTES) break
  }
  return Buffer.concat(chunks)
}
