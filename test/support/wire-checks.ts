// CheckRequests as bytes, in every way that protobuf allows and some that it does not: any order, repeats, unknown fields.
import fc from 'fast-check'

/** Names that a Check asks for, and some that nothing in particular is known about. */
export const ASKED_NAMES = [
  'authorization',
  'x-api-key',
  'api-key',
  'content-encoding',
  'content-length',
  'transfer-encoding',
  'x-envoy-auth-partial-body',
  'anthropic-version',
  'a',
  '__proto__',
  ':path',
  '',
] as const

/** Field `number` with a length and this content. */
export const lengthField = (number: number, content: Uint8Array): Buffer =>
  Buffer.concat([varint(number * 8 + 2), varint(content.length), content])

/** Of the whole message, all its parts in any order and number. */
export const aWireCheck = (): fc.Arbitrary<Buffer> =>
  parts(
    [
      [12, inside(1, attributes)],
      [1, unknown],
    ],
    3,
    0,
  )

const varint = (value: number | bigint): Buffer => {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, BigInt(value))
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80)
    rest >>= 7n
  }
  return Buffer.from([...bytes, Number(rest)])
}

/** Longer than it need be. */
const overlong = (value: number, more: number): Buffer => {
  const bytes = varint(value)
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) | 0x80
  return Buffer.concat([bytes, Buffer.alloc(more, 0x80), Buffer.from([0])])
}

type Part = readonly [weight: number, arbitrary: fc.Arbitrary<Buffer>]

const parts = (choices: readonly Part[], maxLength: number, minLength = 1): fc.Arbitrary<Buffer> =>
  fc
    .array(fc.oneof(...choices.map(([weight, arbitrary]) => ({ weight, arbitrary }))), {
      minLength,
      maxLength,
    })
    .map((all) => Buffer.concat(all))

const inside = (number: number, content: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> =>
  fc.tuple(content, form).map(([bytes, wrap]) => wrap(number * 8 + 2, bytes))

type Form = (tag: number, content: Buffer) => Buffer

/** Now and then a varint that is longer than it need be, or a message that says it is longer or shorter than it is. */
const form: fc.Arbitrary<Form> = fc.oneof(
  {
    weight: 500,
    arbitrary: fc.constant<Form>((tag, content) =>
      Buffer.concat([varint(tag), varint(content.length), content]),
    ),
  },
  {
    weight: 4,
    arbitrary: fc
      .nat({ max: 5 })
      .map<Form>(
        (more) => (tag, content) =>
          Buffer.concat([overlong(tag, more), overlong(content.length, 5 - more), content]),
      ),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(-2, 3)
      .map<Form>(
        (lie) => (tag, content) =>
          Buffer.concat([varint(tag), varint(Math.max(0, content.length + lie)), content]),
      ),
  },
)

const someBytes = fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes))

const group = fc
  .tuple(fc.integer({ min: 1, max: 20 }), someBytes, fc.boolean())
  .map(([number, bytes, nested]) => {
    const inner = nested ? [varint(11), lengthField(1, bytes), varint(12)] : [lengthField(5, bytes)]
    return Buffer.concat([varint(number * 8 + 3), ...inner, varint(number * 8 + 4)])
  })

/** Fields that nobody knows, known numbers of another kind, groups, and what ends a message too early. */
const unknown: fc.Arbitrary<Buffer> = fc.oneof(
  {
    weight: 20,
    arbitrary: fc
      .tuple(fc.integer({ min: 14, max: 2 ** 29 - 1 }), someBytes)
      .map(([no, bytes]) => lengthField(no, bytes)),
  },
  {
    weight: 20,
    arbitrary: fc
      .tuple(fc.integer({ min: 1, max: 20 }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }))
      .map(([no, value]) => Buffer.concat([varint(no * 8), varint(value)])),
  },
  {
    weight: 20,
    arbitrary: fc
      .integer({ min: 1, max: 20 })
      .map((no) => Buffer.concat([varint(no * 8 + 1), Buffer.alloc(8, no)])),
  },
  {
    weight: 20,
    arbitrary: fc
      .integer({ min: 1, max: 20 })
      .map((no) => Buffer.concat([varint(no * 8 + 5), Buffer.alloc(4, no)])),
  },
  { weight: 20, arbitrary: group },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('00', '0c', '0e', '0f', '10808080808080808080808001', '120161')
      .map((hex) => Buffer.from(hex, 'hex')),
  },
)

const words = fc.constantFrom(
  '',
  'POST',
  '/v1/chat/completions?x',
  'Bearer lk_no',
  'a, b ,',
  '4',
  '0',
  'true',
)

const text: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 6, arbitrary: words.map((word) => Buffer.from(word)) },
  { weight: 2, arbitrary: fc.string({ unit: 'grapheme' }).map((word) => Buffer.from(word)) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('\ufeffx', 'caf\u00e9', '\u{1f511}').map((word) => Buffer.from(word)),
  },
  // Mostly no UTF-8.
  { weight: 1, arbitrary: someBytes },
)

const anyCase = (name: string, upper: number): string =>
  Array.from(name, (letter, index) => ((upper >> (index % 30)) & 1 ? letter.toUpperCase() : letter)).join('')

const name: fc.Arbitrary<Buffer> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .tuple(fc.constantFrom(...ASKED_NAMES, ':method', ':authority'), fc.nat(), fc.nat({ max: 9 }))
      // The Kelvin sign, whose lower case is a plain k.
      .map(([asked, upper, kelvin]) => anyCase(asked, upper).replace(kelvin === 0 ? /k/gi : /$^/, '\u212a'))
      .map((asked) => Buffer.from(asked)),
  },
  { weight: 1, arbitrary: text },
)

const field = (number: number, content: fc.Arbitrary<Buffer>): Part => [4, inside(number, content)]

const header = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(inside(1, name), inside(3, text)).map((both) => Buffer.concat(both)) },
  { weight: 3, arbitrary: fc.tuple(inside(1, name), inside(2, text)).map((both) => Buffer.concat(both)) },
  { weight: 1, arbitrary: parts([field(1, name), field(2, text), field(3, text), [1, unknown]], 5) },
)

const http = parts(
  [
    field(1, text),
    field(2, text),
    field(4, text),
    field(11, text),
    field(12, text),
    [6, inside(3, header)],
    [
      6,
      inside(
        13,
        parts(
          [
            [15, inside(1, header)],
            [1, unknown],
          ],
          8,
          0,
        ),
      ),
    ],
    [1, unknown],
  ],
  10,
  0,
)

const number = (no: number): Part => [
  4,
  fc
    .oneof(fc.constant(1_795_262_400n), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }))
    .map((value) => Buffer.concat([varint(no * 8), varint(value)])),
]

const request = parts(
  [
    [3, inside(1, parts([number(1), number(2), [1, unknown]], 4))],
    [9, inside(2, http)],
    [1, unknown],
  ],
  4,
)

const address = parts(
  [
    [8, inside(1, parts([field(2, text), [1, unknown]], 3))],
    [1, unknown],
  ],
  3,
)

const extensionName = fc
  .constantFrom('latchkey_guardrails', 'latchkey_guardrailz', '')
  .map((key) => Buffer.from(key))

const attributes: fc.Arbitrary<Buffer> = parts(
  [
    [
      3,
      inside(
        1,
        parts(
          [
            [8, inside(1, address)],
            [1, unknown],
          ],
          3,
        ),
      ),
    ],
    [9, inside(4, request)],
    [3, inside(10, parts([field(1, extensionName), field(2, text), [1, unknown]], 4))],
    [1, unknown],
  ],
  5,
)
