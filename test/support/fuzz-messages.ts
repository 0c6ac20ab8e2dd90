// CheckRequests that no Envoy sends: built wrongly on purpose, field by field, or built well and damaged.
import { BinaryWriter } from '@bufbuild/protobuf/wire'
import { CheckRequest } from '../../src/grpc/gen/envoy/service/auth/v3/external_auth.ts'
import { aCheckRequest } from './check-requests.ts'
import type { Random } from './fuzz-random.ts'
import { damaged } from './fuzz-random.ts'

/** `secrets` are put where keys stand; none of them may be one that is usable. */
export const fuzzedCheckRequest = (random: Random, secrets: readonly [string, ...string[]]): Buffer => {
  const message = random.pick(random.chance(0.01) ? HEAVY : SHAPES)(random, secrets)
  return message.length > 0 && random.chance(0.7) ? damaged(random, message) : message
}

type Shape = (random: Random, secrets: readonly [string, ...string[]]) => Buffer

const HEADERS = ['authorization', 'x-api-key', 'api-key', 'x-goog-api-key', 'sec-websocket-protocol'] as const
const SCHEMES = new Map([
  ['authorization', 'Bearer '],
  ['sec-websocket-protocol', 'realtime, openai-insecure-api-key.'],
])

const ordinary: Shape = (random, secrets) => {
  const secret = random.pick(secrets)
  const name = random.pick(HEADERS)
  const headers = [
    [name, `${SCHEMES.get(name) ?? ''}${secret}`],
    ...(random.chance(0.2) ? [[random.pick(HEADERS), random.pick(secrets)] as const] : []),
  ] as const
  const body = '{"model":"gpt-4o","messages":[{"role":"user","content":"Hello"}]}'
  const path = random.pick([
    '/v1/chat/completions',
    '/v1/models',
    '/v1beta/models/gpt-4o:generateContent',
    '/v1/realtime?model=gpt-4o',
    '//admin',
    '',
  ])
  const request = aCheckRequest({ headers, path, body, asMap: random.chance(0.3), id: '' })
  return Buffer.from(CheckRequest.encode(request).finish())
}

/** The same fields twice and more: a decoder merges them, and which of them counts must not matter. */
const repeated: Shape = (random, secrets) =>
  Buffer.concat(Array.from({ length: 2 + random.below(4) }, () => ordinary(random, secrets)))

const unknownFields: Shape = (random, secrets) => {
  const writer = new BinaryWriter()
  for (let count = 1 + random.below(20); count > 0; count -= 1) {
    const field = 1 + random.below(536_870_911)
    const wire = random.pick([0, 1, 2, 5])
    writer.tag(field, wire)
    if (wire === 0) writer.uint64(random.below(2 ** 32))
    else if (wire === 1) writer.raw(random.bytes(8))
    else if (wire === 5) writer.raw(random.bytes(4))
    else writer.bytes(random.bytes(random.below(64)))
  }
  const unknown = Buffer.from(writer.finish())
  return random.chance(0.5)
    ? Buffer.concat([unknown, ordinary(random, secrets)])
    : inHttp(Buffer.concat([unknown, random.bytes(random.below(8))]))
}

/** Groups that are opened and never closed: a reader that skips them by recursion goes as deep as they do. */
const deepGroups: Shape = (random, secrets) =>
  Buffer.concat([ordinary(random, secrets), Buffer.alloc(1 + random.below(200_000), 0x0b)])

/** `metadata_context.filter_metadata`, which Latchkey does not read: Structs in Structs. */
const deepStruct: Shape = (random, secrets) => {
  let value: Buffer = Buffer.from([0x08, 0x00])
  for (let depth = random.below(500); depth > 0; depth -= 1)
    value = field(5, field(1, Buffer.concat([Buffer.from([0x0a, 0x01, 0x78]), field(2, value)])))
  const metadata = field(1, Buffer.concat([Buffer.from([0x0a, 0x01, 0x78]), field(2, value)]))
  return Buffer.concat([ordinary(random, secrets), field(1, field(11, metadata))])
}

/** Up to what the server takes, and beyond. */
const huge: Shape = (random) => {
  const size = random.pick([100_000, 1_000_000, 8_000_000, 10_000_000])
  const text = Buffer.alloc(size, random.pick(['a', '{"model":', '[', '\xff', '\0', ',', '%2f', '"']))
  return inHttp(field(random.pick([1, 2, 4, 11, 12]), text))
}

const manyHeaders: Shape = (random, secrets) => {
  const secret = random.pick(secrets)
  const header = Buffer.concat([field(1, Buffer.from(random.pick(HEADERS))), field(3, Buffer.from(secret))])
  const line = field(1, header)
  return inHttp(field(13, Buffer.alloc(line.length * (1 + random.below(20_000)), line)))
}

const invalidText: Shape = (random, secrets) => {
  const bytes = () => Buffer.concat([Buffer.from([0xff, 0xc0, 0x80]), random.bytes(random.below(32))])
  const secret = Buffer.concat([Buffer.from(`Bearer ${random.pick(secrets)}`), bytes()])
  const header = Buffer.concat([field(1, Buffer.from('authorization')), field(random.pick([2, 3]), secret)])
  const parts = [1, 2, 4, 11].map((number) => field(number, bytes()))
  return inHttp(Buffer.concat([...parts, field(13, field(1, header))]))
}

const noise: Shape = (random) => random.bytes(random.below(300))

const SHAPES: readonly [Shape, ...Shape[]] = [
  ordinary,
  ordinary,
  ordinary,
  ordinary,
  ordinary,
  ordinary,
  repeated,
  repeated,
  unknownFields,
  unknownFields,
  deepStruct,
  manyHeaders,
  invalidText,
  invalidText,
  noise,
  noise,
]

/** Cost much, and are rare for that. */
const HEAVY: readonly [Shape, ...Shape[]] = [deepGroups, huge]

const field = (number: number, content: Uint8Array): Buffer =>
  Buffer.from(new BinaryWriter().tag(number, 2).bytes(content).finish())

/** `attributes.request.http` */
const inHttp = (content: Uint8Array): Buffer => field(1, field(4, field(2, content)))
