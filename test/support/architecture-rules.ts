// Reads source files as text and tells, in sentences, which rules of the architecture they break.
import type { Room } from './architecture-table.ts'
import { ROOMS, TRACED } from './architecture-table.ts'

/** `path` is relative to the repository, for example `src/check/check.ts`. */
export type SourceFile = Readonly<{ path: string; text: string }>

type Import = Readonly<{ from: string; typeOnly: boolean }>

const MOST_LINES = 200

/** One sentence for each breach; empty when the file keeps every rule. */
export const brokenRules = (file: SourceFile): readonly string[] => {
  const room = roomOf(file.path)
  if (room === undefined) return [`${file.path}: no room of the architecture has this name`]
  if (file.path.startsWith('src/grpc/gen/')) return []
  const text = withoutComments(file.text)
  return [
    ...importsOf(text).flatMap((found) => brokenByImport(file.path, room, found)),
    ...brokenByText(file.path, text),
    ...brokenByForm(file),
  ]
}

const roomOf = (path: string): Room | undefined => {
  const name = path.split('/')[1]?.replace(/\.ts$/, '')
  return isRoom(name) ? name : undefined
}

const isRoom = (name: string | undefined): name is Room => name !== undefined && name in ROOMS

const brokenByImport = (path: string, room: Room, found: Import): readonly string[] => {
  const sentence = found.from.startsWith('.')
    ? brokenByFile(path, room, found)
    : brokenByPackage(room, packageOf(found.from))
  return sentence === undefined ? [] : [`${path} imports ${found.from}: ${sentence}`]
}

const brokenByPackage = (room: Room, name: string): string | undefined => {
  const { packages, quiet } = ROOMS[room]
  if (name === '@opentelemetry/api' && !TRACED.includes(room))
    return `@opentelemetry/api may be imported by ${TRACED.join(', ')}, nowhere else`
  if (packages.includes(name) || (name.startsWith('node:') && quiet !== true)) return undefined
  return `${room} may import of packages only: ${packages.join(', ') || 'none'}`
}

const brokenByFile = (path: string, room: Room, { from, typeOnly }: Import): string | undefined => {
  const target = new URL(from, `file:///${path}`).pathname.slice(1)
  if (target.startsWith('src/grpc/gen/') && room !== 'grpc') return 'generated code is imported in grpc/ only'
  if (!from.endsWith('.ts')) return 'imports end in .ts'
  const imported = target.startsWith('src/') ? roomOf(target) : undefined
  if (imported === undefined) return 'src imports only rooms of src'
  if (imported === room) return undefined
  const { rooms, typesOnly, sentence } = ROOMS[room]
  return rooms.includes(imported) && (typeOnly || typesOnly?.includes(imported) !== true)
    ? undefined
    : sentence
}

const packageOf = (from: string): string => {
  if (from.startsWith('node:')) return from
  return from
    .split('/')
    .slice(0, from.startsWith('@') ? 2 : 1)
    .join('/')
}

const brokenByText = (path: string, text: string): readonly string[] => {
  const rules: readonly [boolean, RegExp, string][] = [
    [
      path.startsWith('src/config/') || path === 'src/config.ts',
      /\bprocess\.env\b/,
      'process.env is read in config only',
    ],
    [
      path === 'src/kernel/clock.ts',
      /\bDate\.now\b|\bnew Date\(\s*\)|\bDate\(\s*\)/,
      'wall time is read in kernel/clock.ts only',
    ],
    [false, /^export default\b|\bexport \{[^}]*\bdefault\b/m, 'no default exports'],
    [false, /^export (type )?\*/m, 'no barrels'],
    [false, /^\s*(export )?(const )?enum\b/m, 'erasable syntax only: no enums'],
  ]
  return rules
    .filter(([allowed, pattern]) => !allowed && pattern.test(text))
    .map(([, , sentence]) => `${path}: ${sentence}`)
}

const brokenByForm = ({ path, text }: SourceFile): readonly string[] => {
  const name = path.split('/').at(-1) ?? ''
  const sentences: string[] = []
  if (!/^[a-z0-9]+(-[a-z0-9]+)*\.ts$/.test(name)) sentences.push('file names are kebab-case')
  if (/^(utils?|helpers?|common|index|misc)\.ts$/.test(name))
    sentences.push('a file is named for the one thing it exports')
  if (!/^(#!.*\n)?(\/\/ \S.{15,}|\/\*\*? \S.{15,})/.test(text))
    sentences.push('a file opens with one sentence: what it is for')
  const lines = text.trimEnd().split('\n').length
  if (lines > MOST_LINES) sentences.push(`${lines} lines are more than ${MOST_LINES}: it wants to be a room`)
  return sentences.map((sentence) => `${path}: ${sentence}`)
}

/** Comments may speak of what code may not do. Strings stay: a URL's `//` is told from a comment by what precedes it. */
const withoutComments = (text: string): string =>
  text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[\s;{}(),])\/\/.*$/gm, '$1')

const importsOf = (text: string): readonly Import[] => [
  ...[...text.matchAll(/^(?:import|export)\s+(type\s+)?(?:[\w*{][^'"`;]*?)\sfrom\s+['"]([^'"]+)['"]/gm)].map(
    ([, type, from]) => ({ from: from ?? '', typeOnly: type !== undefined }),
  ),
  ...[...text.matchAll(/^import\s+['"]([^'"]+)['"]/gm)].map(([, from]) => ({
    from: from ?? '',
    typeOnly: false,
  })),
  ...[...text.matchAll(/\bimport\(\s*['"]([^'"]+)['"]\s*\)/g)].map(([, from]) => ({
    from: from ?? '',
    typeOnly: false,
  })),
]
