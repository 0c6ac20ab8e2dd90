// What somebody may write into the file instead of settings: each a fault with its line, never a crash and never a wait.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import { Rejection } from '../../src/kernel/failure.ts'
import { aDirectory } from '../support/closing.ts'

/** What is said of a file with this content, the path of which is written as F. */
const saidOf = async (content: string | Uint8Array): Promise<string> => {
  const path = join(await aDirectory(), 'latchkey.yaml')
  await writeFile(path, content)
  return said(path)
}

const said = (path: string): string => {
  try {
    loadConfig({ config: path }, {})
    return 'nothing'
  } catch (error) {
    if (error instanceof Rejection) return error.message.replaceAll(path, 'F')
    throw error
  }
}

const BOMB = [
  'a: &a [x, x, x, x, x, x, x, x, x]',
  'b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]',
  'c: [*b, *b]',
]

describe('a configuration file', () => {
  it.each([
    ['with a setting twice', 'workers: 1\nlisten: unix:/x\nworkers: 1\n', /F:3: Map keys must be unique/],
    [
      'with a tab for indentation',
      'key_formats:\n\t- lk_:39:crc32\n',
      /F:2: Tabs are not allowed as indentation/,
    ],
    [
      'with a line without a colon',
      'workers: 1\ncheck_timeout 2s\n\nlog_level: info\n',
      /F:2: is no setting: write NAME: VALUE$/,
    ],
    ['that is a list', '# settings\n- workers: 1\n', /F:2: the configuration must be a map/],
    ['that is a text', 'hello\n', /F:1: the configuration must be a map/],
    ['of two documents', 'workers: 1\n---\nworkers: 2\n', /F:2: Source contains multiple documents/],
    [
      'with an alias',
      'log_level: &a info\nlog_format: *a\n',
      /F:1: anchors, aliases and merges[\s\S]*F:2: anchors/,
    ],
    ['with an alias of nothing', 'workers: 1\nlog_format: *a\n', /F:2: (Unresolved alias|anchors)/],
    ['with a merge', 'workers: 1\n<<: { log_level: info }\n', /F:2: "<<" is not the name of a setting/],
    ['that is a bomb', `${BOMB.join('\n')}\n`, /F:1: anchors/],
    ['with an unknown tag', 'workers: 1\nlog_level: !!js/function "x"\n', /F:2: Unresolved tag/],
    [
      'with a list for a value',
      'workers: 1\ncheck_timeout: [1s]\n',
      /F:2: check_timeout: \["1s"\] is not a duration/,
    ],
    ['with a map for a value', '\n\nlisten: { unix: /x }\n', /F:3: listen: \{"unix":"\/x"\} is not unix:/],
    ['with no value', 'workers:\n', /F:1: workers: null is not a whole number/],
    [
      'with a list for a name',
      'workers: 1\n? [a, b]\n: 1\n',
      /F:2: what stands before the colon is not the name of a setting/,
    ],
    ['with a number for a name', '5: 1\n', /F:1: 5 is not the name of a setting/],
    [
      'with the name of a prototype',
      'workers: 1\n__proto__: { workers: 2 }\nconstructor: 1\n',
      /F:2: "__proto__" is not the name[\s\S]*F:3: constructor: there is no such setting/,
    ],
    [
      'with a secret of a wrong form',
      'database_url: { password: hunter2 }\n',
      /F:1: database_url: the value is not sqlite:PATH/,
    ],
    [
      'with a secret twice',
      'database_url: sqlite:x\ndatabase_url_file: /x\n',
      /F:2: database_url_file: give database_url or the file that holds it, not both/,
    ],
    [
      'with a list for the file of a secret',
      'database_url_file: [x]\n',
      /F:1: database_url_file: must be a path/,
    ],
    [
      'with a secret in a file that is not there',
      'workers: 1\ndatabase_url_file: /none/x\n',
      /F:2: database_url_file: file \/none\/x cannot be read \(ENOENT\)/,
    ],
    ['that ends within a text', 'workers: 1\nlog_level: "info\n', /F:[23]: Missing closing "quote/],
    [
      'with two settings that cannot be meant together',
      'check_timeout: 5s\nretry_horizon: 4s\n',
      /F:2: retry_horizon and F:1: check_timeout: retry_horizon must be longer/,
    ],
  ])('%s is told with its line', async (_name, content, words) => {
    expect(await saidOf(content)).toMatch(words)
  })

  it.each([
    ['brackets', '['.repeat(100_000)],
    ['brackets over lines', `a: ${'[\n'.repeat(50_000)}`],
    ['maps', `${'{a: '.repeat(50_000)}`],
    ['lists on one line', `${'- '.repeat(100_000)}x`],
    ['lists over lines', Array.from({ length: 700 }, (_, depth) => `${' '.repeat(depth)}-`).join('\n')],
    ['question marks', `${'? '.repeat(100_000)}x`],
  ])('that is nested without end, by %s, is told with its line', async (_name, content) => {
    expect(await saidOf(content)).toMatch(/F:\d+: is nested too deeply/)
  })

  it('that is no text, is huge, or is not there, is told', async () => {
    expect(await saidOf(Buffer.from('workers: 1\nlisten: unix:/\xff\n', 'latin1'))).toMatch(
      /configuration file F is not UTF-8 text: see line 2/,
    )
    expect(await saidOf('#'.repeat(262_145))).toMatch(/configuration file F is larger than 256KiB/)
    expect(said('/dev/zero')).toMatch(/configuration file F is larger than 256KiB/)
    expect(said('/')).toMatch(/configuration file F cannot be read \(EISDIR\)/)
    expect(said('/none')).toMatch(/configuration file F cannot be read \(ENOENT\)/)
  })

  it('with a byte order mark, with Windows line ends, or empty is read', async () => {
    expect(await saidOf('\u{feff}workers: 1\r\nlog_level: info\r\n')).toBe('nothing')
    expect(await saidOf('')).toBe('nothing')
    expect(await saidOf('# nothing yet\n')).toBe('nothing')
  })

  it('of which a value is long is not repeated whole', async () => {
    const told = await saidOf(`log_level: ${'x'.repeat(100_000)}\n`)
    expect(told).toMatch(/F:1: log_level: "x{127}… is not one of trace/)
  })
})
