// Header blocks are read as RFC 7541 says, whoever wrote them.
import { describe, expect, test } from 'vitest'
import { headerBlock } from '../../../src/grpc/lane/header-blocks.ts'
import { createHeaderDecoder } from '../../../src/grpc/lane/header-decoder.ts'
import { decodeHuffman } from '../../../src/grpc/lane/huffman.ts'
import { STATIC_TABLE } from '../../../src/grpc/lane/static-table.ts'

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(/\s/g, ''), 'hex')
const text = (fields: readonly (readonly [string, string])[]): string[] =>
  fields.map(([name, value]) => `${name}: ${value}`)

const REQUESTS = [
  [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com'],
  [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com', 'cache-control: no-cache'],
  [
    ':method: GET',
    ':scheme: https',
    ':path: /index.html',
    ':authority: www.example.com',
    'custom-key: custom-value',
  ],
]
const RESPONSES = [
  [
    ':status: 302',
    'cache-control: private',
    'date: Mon, 21 Oct 2013 20:13:21 GMT',
    'location: https://www.example.com',
  ],
  [
    ':status: 307',
    'cache-control: private',
    'date: Mon, 21 Oct 2013 20:13:21 GMT',
    'location: https://www.example.com',
  ],
  [
    ':status: 200',
    'cache-control: private',
    'date: Mon, 21 Oct 2013 20:13:22 GMT',
    'location: https://www.example.com',
    'content-encoding: gzip',
    'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
  ],
]

describe('the examples of RFC 7541, appendix C', () => {
  test.each([
    [
      'C.2.1',
      '400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572',
      'custom-key: custom-header',
    ],
    ['C.2.2', '040c 2f73 616d 706c 652f 7061 7468', ':path: /sample/path'],
    ['C.2.3', '1008 7061 7373 776f 7264 0673 6563 7265 74', 'password: secret'],
    ['C.2.4', '82', ':method: GET'],
  ])('%s', (_name, block, field) => {
    expect(text(createHeaderDecoder(4_096).decode(bytes(block)))).toEqual([field])
  })

  test.each([
    [
      'C.3, requests',
      4_096,
      REQUESTS,
      [
        '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
        '8286 84be 5808 6e6f 2d63 6163 6865',
        '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
      ],
    ],
    [
      'C.4, requests in Huffman codes',
      4_096,
      REQUESTS,
      [
        '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
        '8286 84be 5886 a8eb 1064 9cbf',
        '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
      ],
    ],
    [
      'C.5, responses with a table that is too small',
      256,
      RESPONSES,
      [
        `4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32
         3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d`,
        '4803 3330 37c1 c0bf',
        `88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970
         7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61
         6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31`,
      ],
    ],
  ])('%s', (_name, tableBytes, lists, blocks) => {
    const decoder = createHeaderDecoder(tableBytes)
    expect(blocks.map((block) => text(decoder.decode(bytes(block))))).toEqual(lists)
  })
})

describe('a header block', () => {
  test('of ours is read back the same, with lengths of one byte and of more', () => {
    const fields = [1, 126, 127, 128, 300, 20_000].map(
      (length) => [`x-${length}`, 'v'.repeat(length)] as const,
    )
    const status = [
      [':status', '200'],
      ['content-type', 'application/grpc'],
    ] as const
    const decoder = createHeaderDecoder(4_096)
    expect(decoder.decode(headerBlock([...status, ...fields]))).toEqual([...status, ...fields])
    expect(decoder.generation()).toBe(0)
  })

  test.each([
    ['is cut within a number', '7f'],
    ['has a number without end', '7fffffffffffff'],
    ['has a number with zeros without end', '3f80 8080 8080 00'],
    ['is cut within a string', '400a6375'],
    ['names a field of no table', 'be'],
    ['names the field zero', '80'],
    ['is cut after a name', '4001 61'],
    ['wants a larger table than it may have', '3fe2 1f'],
    ['changes the table after a field', '8220'],
    ['has a Huffman code that ends in zeros', '4181 00'],
    ['has a Huffman code with the end of string', '4184 ffff fffc'],
    ['has the end of string and ones', '4184 ffff ffff'],
    ['has more padding than seven bits', '4182 1fff'],
    ['has eight bits of padding', '4181 ff'],
  ])('that %s is an error of compression', (_name, block) => {
    expect(() => createHeaderDecoder(4_096).decode(bytes(block))).toThrow(
      expect.objectContaining({ name: 'ConnectionError', code: 9 }),
    )
  })

  test('that empties the table leaves nothing to name', () => {
    const decoder = createHeaderDecoder(4_096)
    decoder.decode(bytes('4001 6101 62'))
    expect(text(decoder.decode(bytes('be')))).toEqual(['a: b'])
    expect(text(decoder.decode(bytes('20 82')))).toEqual([':method: GET'])
    expect(() => decoder.decode(bytes('be'))).toThrow('no table')
  })
})

test('every octet has a Huffman code that is read back', () => {
  // From the RFC, one of each length of codes that text hardly uses.
  expect(decodeHuffman(bytes('f1e3c2e5f23a6ba0ab90f4ff'), 0, 12)).toBe('www.example.com')
  expect(decodeHuffman(bytes('ffc7'), 0, 2)).toBe('\0')
  expect(STATIC_TABLE).toHaveLength(61)
  expect(STATIC_TABLE[60]).toEqual(['www-authenticate', ''])
})
