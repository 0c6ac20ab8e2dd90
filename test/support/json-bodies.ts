// JSON written the many ways it may be written, and a little beyond: bodies to tell a strict scan from a lax one.
import type { Random } from './fuzz-random.ts'
import { damaged } from './fuzz-random.ts'

/** An object, more often than not with a `model` somewhere; now and then damaged, cut or no object at all. */
export const aBody = (random: Random): Buffer => {
  const text = spaced(random, random.chance(0.95) ? objectText(random, 0) : valueText(random, 0))
  const body = Buffer.from(text)
  if (random.chance(0.5)) return body
  return random.chance(0.3) ? damaged(random, body) : scratched(random, body)
}

/** One to three places where a byte is another one, missing or doubled: near to JSON, and to UTF-8. */
const scratched = (random: Random, body: Buffer): Buffer => {
  const bytes = [...body]
  for (let scratches = 1 + random.below(3); scratches > 0; scratches -= 1) {
    const at = random.below(bytes.length + 1)
    const way = random.below(3)
    const telling = TELLING[random.below(TELLING.length)] ?? 0
    if (way === 0) bytes.splice(at, 1)
    else bytes.splice(at, way === 1 ? 1 : 0, telling)
  }
  return Buffer.from(bytes)
}

const TELLING = Buffer.concat([
  Buffer.from('{}[]:,"\\/ \t\n\r\f\v+-.019eEutfnbrxmMaAgG'),
  Buffer.from([
    0x00, 0x1f, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xdf, 0xe0, 0xed, 0xef, 0xf0, 0xf4,
    0xf5, 0xff,
  ]),
])

const spaced = (random: Random, text: string): string => `${space(random)}${text}${space(random)}`

const space = (random: Random): string =>
  random.chance(0.8) ? '' : random.pick([' ', '\t', '\n', '\r', ' \r\n\t '])

const valueText = (random: Random, depth: number): string => {
  const kind = random.below(depth > 5 ? 3 : 6)
  if (kind === 0) return numberText(random)
  if (kind === 1) return random.pick(['true', 'false', 'null'])
  if (kind === 2) return stringText(random)
  if (kind === 3) return nested(random)
  return kind === 4 ? objectText(random, depth) : listText(random, depth)
}

const listText = (random: Random, depth: number): string =>
  `[${Array.from({ length: random.below(4) }, () => spaced(random, valueText(random, depth + 1))).join(',') || space(random)}]`

const objectText = (random: Random, depth: number): string => {
  const members = Array.from({ length: random.below(5) }, () => memberText(random, depth))
  return `{${members.join(',') || space(random)}}`
}

const memberText = (random: Random, depth: number): string => {
  const isModel = random.chance(0.3)
  const name = isModel ? random.pick(NAMES) : stringText(random)
  const value = isModel && random.chance(0.8) ? modelText(random) : valueText(random, depth + 1)
  return `${spaced(random, name)}:${spaced(random, value)}`
}

const NAMES = [
  '"model"',
  '"model"',
  '"model"',
  '"Model"',
  '"MODEL"',
  '"\\u006dodel"',
  '"\\u006d\\u006f\\u0064\\u0065\\u006c"',
  '"mode\\u006C"',
  '"mode\\u004c"',
  '"mode\\u006c "',
  '"mode\\n"',
  '"models"',
  '"mode"',
  '"m\\u00f6del"',
  '"m\u00f6del"',
  '"\\\\u006dodel"',
  '"-odel"',
  '"mode,"',
  '""',
  '"__proto__"',
] as const

const modelText = (random: Random): string =>
  random.chance(0.7)
    ? random.pick(['"gpt-4o"', '"a"', '"gpt-\\u0034o"', '"a\\/b"', '"a,b"', '""'])
    : stringText(random)

const numberText = (random: Random): string => {
  const sign = random.pick(['', '', '-'])
  const whole = random.pick(['0', '1', '10', '907', '123456789012345678901234567890'])
  const fraction = random.pick(['', '', '.0', '.25', '.0009'])
  return sign + whole + fraction + random.pick(['', '', 'e0', 'E9', 'e+400', 'E-07', 'e-999'])
}

const stringText = (random: Random): string => {
  let text = '"'
  for (let parts = random.below(8); parts > 0; parts -= 1) text += random.pick(PARTS)
  return `${text}"`
}

const PARTS = [
  'a',
  'gpt',
  '"'.padStart(2, '\\'),
  '\\\\',
  '\\/',
  '\\b\\f\\n\\r\\t',
  '\\u0000',
  '\\ud83d\\ude00',
  '\\uD800',
  '\\udc00',
  '\u00e9',
  '\u07ff\u0800',
  '\ud7ff\ue000\uffff',
  '\u2028\u2029\ufeff',
  '\u{10000}\u{10ffff}',
  '\u007f',
  '{}[],: ',
  'model',
] as const

/** Deeper than a word has bits, in lists and objects by turns of chance. */
const nested = (random: Random): string => {
  const levels = Array.from({ length: random.below(80) }, () => random.chance(0.5))
  const open = levels.map((isObject) => (isObject ? '{"model":' : '[')).join('')
  return `${open}1${levels
    .reverse()
    .map((isObject) => (isObject ? '}' : ']'))
    .join('')}`
}
