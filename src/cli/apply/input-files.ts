// What -f names: files, directories of files, or standard input.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

export type InputFile = Readonly<{ name: string; text: string }>

/** A directory stands for its YAML and JSON files by name, without those below it. */
export const readInputFiles = async (
  paths: readonly string[],
  faults: string[],
): Promise<readonly InputFile[]> => {
  const files: InputFile[] = []
  for (const path of paths) {
    try {
      if (path === '-') files.push({ name: 'stdin', text: await readStdin() })
      else for (const name of filesAt(path, faults)) files.push({ name, text: readFileSync(name, 'utf8') })
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

const readStdin = async (): Promise<string> => {
  process.stdin.setEncoding('utf8')
  let text = ''
  for await (const chunk of process.stdin) text += String(chunk)
  return text
}
