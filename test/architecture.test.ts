// Holds the source tree against the architecture: who imports whom, and the small habits that keep it readable.
import { execFileSync } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { brokenRules } from './support/architecture-rules.ts'
import { ROOMS } from './support/architecture-table.ts'

const sources = globSync('src/**/*.ts').sort()
const read = (path: string) => ({ path, text: readFileSync(path, 'utf8') })
const file = (path: string, code: string) => ({
  path,
  text: `// Exists to break one rule of the house.\n${code}\n`,
})

describe('the source tree keeps the architecture', () => {
  it('has sources to look at', () => {
    expect(sources.length).toBeGreaterThan(20)
  })

  it('breaks no rule in any file', () => {
    expect(sources.flatMap((path) => brokenRules(read(path)))).toEqual([])
  })
})

describe('the package', () => {
  it('depends on exactly the packages that src may import', () => {
    const { dependencies }: { dependencies: object } = JSON.parse(readFileSync('package.json', 'utf8'))
    const allowed = Object.values(ROOMS).flatMap(({ packages }) => packages)
    const outside = allowed.filter((name) => !name.startsWith('node:'))
    expect(Object.keys(dependencies).sort()).toEqual([...new Set(outside)].sort())
  })
})

describe('a broken rule is told in its own sentence', () => {
  const cases: readonly [string, string, string, RegExp][] = [
    [
      'a quiet room that imports a store',
      'src/check/a.ts',
      "import { openStore } from '../store/store.ts'",
      /function of its inputs/,
    ],
    [
      'a quiet room that opens a file',
      'src/policy/a.ts',
      "import { readFileSync } from 'node:fs'",
      /of packages only: node:net/,
    ],
    [
      'a store that knows gRPC',
      'src/store/a.ts',
      "import type { Server } from '@grpc/grpc-js'",
      /of packages only/,
    ],
    [
      'an import over several lines',
      'src/keys/a.ts',
      "import {\n  charge,\n} from '../quota/quota.ts'",
      /keys imports kernel/,
    ],
    [
      'a type import of the same is fine',
      'src/keys/a.ts',
      "import type { Quota } from '../quota/quota.ts'",
      /^$/,
    ],
    ['a dynamic import', 'src/kernel/a.ts', "const x = await import('../cli/serve.ts')", /nothing but node/],
    ['a side effect import', 'src/quota/a.ts', "import '../keys/secret.ts'", /quota imports kernel only/],
    ['tracing in check', 'src/check/a.ts', "import { trace } from '@opentelemetry/api'", /nowhere else/],
    [
      'generated code outside grpc',
      'src/cli/a.ts',
      "import type { X } from '../grpc/gen/x.ts'",
      /in grpc\/ only/,
    ],
    ['the environment outside config', 'src/grpc/a.ts', 'const x = process.env.HOME', /config only/],
    ['wall time outside the clock', 'src/store/a.ts', 'const x = Date.now()', /clock\.ts only/],
    ['a new Date of now', 'src/store/a.ts', 'const x = new Date()', /clock\.ts only/],
    ['a Date of a known instant is fine', 'src/store/a.ts', 'const x = new Date(5)', /^$/],
    ['a comment may name what is forbidden', 'src/store/a.ts', '// Date.now() is elsewhere', /^$/],
    ['a default export', 'src/store/a.ts', 'export default 1', /no default exports/],
    ['a barrel', 'src/store/a.ts', "export * from './b.ts'", /no barrels/],
    ['a room nobody planned', 'src/misc/a.ts', '', /no room/],
    ['a name in camel case', 'src/store/myFile.ts', '', /kebab-case/],
    ['a drawer', 'src/store/utils.ts', '', /named for the one thing/],
    ['a file of 201 lines', 'src/store/a.ts', 'x\n'.repeat(200), /201 lines/],
  ]
  it.each(cases)('%s', (_name, path, code, sentence) => {
    expect(brokenRules(file(path, code)).join('\n')).toMatch(sentence)
  })

  it('a file without its opening sentence', () => {
    expect(brokenRules({ path: 'src/store/a.ts', text: 'export const a = 1\n' }).join()).toMatch(/opens with/)
  })
})

describe('tracked files speak of Latchkey alone', () => {
  // Written in pieces, so that this file does not hold what it forbids.
  const forbidden = [
    ['registry.', 'npmjs.'],
    ['files.python', 'hosted.'],
    ['deb.', 'debian.'],
    ['pypi', '.org'],
    ['crates', '.io'],
    ['/wo', 'rk/'],
    ['/ro', 'ot/'],
    ['/tm', 'p/'],
  ].map((pieces) => pieces.join(''))

  it('names no registry host and no path of a machine', () => {
    const tracked = execFileSync('git', ['ls-files', '-z'], { encoding: 'utf8' }).split('\0').filter(Boolean)
    const found = tracked.flatMap((path) => {
      const text = readFileSync(path, 'latin1')
      return forbidden.filter((word) => text.includes(word)).map((word) => `${path} names ${word}`)
    })
    expect(found).toEqual([])
  })
})
