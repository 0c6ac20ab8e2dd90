// A network holds exactly the addresses of its block, however they are written; what is no network cannot be set.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { networksOf, parseNetwork } from '../../src/policy/network.ts'
import { compileRestrictions, NO_RESTRICTIONS, networkRefusal } from '../../src/policy/restrictions.ts'
import { parseRestrictions } from '../../src/store/books/restrictions-input.ts'

const RUNS = process.env['LATCHKEY_PROVE'] === '1' ? 100_000 : 3_000

const holds = (network: string, address: string) => networksOf([network]).hold(address)

describe('a network', () => {
  test.each<[string, string, boolean]>([
    ['10.0.0.0/8', '10.255.255.255', true],
    ['10.0.0.0/8', '11.0.0.0', false],
    ['10.1.2.3', '10.1.2.3', true],
    ['10.1.2.3', '10.1.2.4', false],
    ['10.1.2.3/32', '10.1.2.3', true],
    ['192.0.2.0/31', '192.0.2.1', true],
    ['192.0.2.0/31', '192.0.2.2', false],
    ['0.0.0.0/0', '255.255.255.255', true],
    ['0.0.0.0/0', '2001:db8::1', false],
    ['0.0.0.0/0', '::ffff:192.0.2.1', true],
    ['::/0', '2001:db8::1', true],
    ['::/0', '192.0.2.1', false],
    ['::/0', '::ffff:192.0.2.1', false],
    ['::1', '::1', true],
    ['::1', '0:0:0:0:0:0:0:1', true],
    ['2001:db8::/33', '2001:db8:7fff::1', true],
    ['2001:db8::/33', '2001:db8:8000::1', false],
    ['2001:DB8::/32', '2001:0db8:0::1', true],
    ['10.0.0.0/8', '::ffff:10.1.2.3', true],
    ['10.0.0.0/8', '::ffff:a01:203', true],
    ['10.0.0.0/8', '::10.1.2.3', false],
    ['10.0.0.0/8', '64:ff9b::10.1.2.3', false],
    ['::ffff:10.0.0.0/104', '10.1.2.3', true],
    ['::ffff:10.0.0.0/104', '11.1.2.3', false],
    ['::ffff:10.0.0.0/104', '::ffff:10.1.2.3', true],
    ['::ffff:0:0/96', '192.0.2.1', true],
    ['::ffff:192.0.2.1', '192.0.2.1', true],
    ['fe80::/10', 'fe80::1%eth0', true],
    ['fe80::/10', 'fe80::1%7', true],
    ['10.0.0.0/8', '::ffff:10.1.2.3%eth0', true],
    ['0.0.0.0/0', '', false],
    ['0.0.0.0/0', '010.0.0.1', false],
    ['0.0.0.0/0', '10.1', false],
    ['0.0.0.0/0', '167772161', false],
    ['0.0.0.0/0', '0x0a.0.0.1', false],
    ['0.0.0.0/0', '10.0.0.1 ', false],
    ['0.0.0.0/0', '10.0.0.1:80', false],
    ['::/0', '[2001:db8::1]', false],
    ['::/0', 'unknown', false],
    ['::/0', 'fe80::1%', false],
  ])('%s, address %s: %s', (network, address, held) => {
    expect(holds(network, address)).toBe(held)
  })

  test.each([
    '',
    '/',
    '10.0.0.0/',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/08',
    '10.0.0.0/8/8',
    '10.0.0.0/255.0.0.0',
    '10.0.0.0/8 ',
    ' 10.0.0.0/8',
    '10.0.0.1/8',
    '10.0.0.1/31',
    '10/8',
    '010.0.0.0/8',
    '2001:db8::/129',
    '2001:db8::1/64',
    '::ffff:10.0.0.1/104',
    'fe80::1%eth0',
    'fe80::%eth0/10',
    '[2001:db8::]/32',
    '10.0.0.0-10.0.0.9',
    '10.0.0.*',
    'localhost',
    '10.0.0.1:80',
  ])('cannot be set when it is none, or has bits behind its prefix: %j', (text) => {
    expect(parseNetwork(text)).toBeUndefined()
    expect(() => parseRestrictions({ ...NO_RESTRICTIONS, networks: [text] })).toThrow(/^network /)
    expect(() => parseRestrictions({ ...NO_RESTRICTIONS, deniedNetworks: [text] })).toThrow(/^network /)
    expect(() => networksOf([text])).toThrow(TypeError)
  })
})

type Block = Readonly<{ family: 4 | 6; value: bigint; prefix: number }>

const WIDTH = { 4: 32, 6: 128 } as const
const MAPPED = 0xffffn << 32n

/** Written in one of the ways in which an address can be. */
const written = (family: 4 | 6, value: bigint, style: number): string => {
  const part = (shift: number, mask: bigint) => Number((value >> BigInt(shift)) & mask)
  const dotted = [24, 16, 8, 0].map((shift) => part(shift, 0xffn)).join('.')
  if (family === 4) return dotted
  const groups = [112, 96, 80, 64, 48, 32, 16, 0].map((shift) => part(shift, 0xffffn).toString(16))
  if (style === 0) return groups.join(':')
  if (style === 1) return groups.map((group) => group.padStart(4, '0').toUpperCase()).join(':')
  if (style === 2) return `${groups.slice(0, 6).join(':')}:${dotted}`
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}

const bigint = (bits: number) => fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n })
const style = fc.nat(3)
const block: fc.Arbitrary<Block> = fc.constantFrom(4 as const, 6 as const).chain((family) =>
  fc
    .record({
      raw: fc.oneof(
        bigint(WIDTH[family]),
        bigint(32).map((low) => (family === 6 ? MAPPED | low : low)),
      ),
      prefix: fc.oneof(fc.nat(WIDTH[family]), fc.constantFrom(0, WIDTH[family], WIDTH[family] - 32)),
    })
    .map(({ raw, prefix }) => {
      const free = BigInt(WIDTH[family] - prefix)
      return { family, value: (raw >> free) << free, prefix }
    }),
)

/** Compared as numbers: of IPv4 what is IPv4, or IPv4 written as IPv6. */
const isIn = (network: Block, family: 4 | 6, value: bigint): boolean => {
  const isIpv4 = family === 4 || value >> 32n === 0xffffn
  if (network.family === 6 && network.prefix >= 96 && network.value >> 32n === 0xffffn) {
    const low = { family: 4, value: network.value & 0xffffffffn, prefix: network.prefix - 96 } as const
    return isIn(low, family, value)
  }
  if (isIpv4 !== (network.family === 4)) return false
  const free = BigInt(WIDTH[network.family] - network.prefix)
  return (isIpv4 ? value & 0xffffffffn : value) >> free === network.value >> free
}

test('any list holds exactly the addresses whose leading bits are those of one of its blocks', () => {
  const near = fc.record({
    blocks: fc.array(block, { minLength: 1, maxLength: 4 }),
    flip: fc.nat(127),
    pick: fc.nat(3),
  })
  fc.assert(
    fc.property(
      near,
      style,
      style,
      bigint(128),
      fc.boolean(),
      ({ blocks, flip, pick }, howBlock, howAddress, random, isRandom) => {
        const base = blocks[pick % blocks.length] ?? blocks[0]
        if (base === undefined) return
        const { family } = base
        const flipped = base.value ^ (1n << BigInt(flip % WIDTH[family]))
        const value = isRandom ? random & ((1n << BigInt(WIDTH[family])) - 1n) : flipped
        const asIpv6 = family === 4 && howAddress === 3
        const address = asIpv6 ? written(6, MAPPED | value, howBlock) : written(family, value, howAddress)
        const list = blocks.map((entry) => `${written(entry.family, entry.value, howBlock)}/${entry.prefix}`)
        expect(networksOf(list).hold(address), `${list.join()} ${address}`).toBe(
          blocks.some((entry) => isIn(entry, family, value)),
        )
      },
    ),
    { numRuns: RUNS },
  )
})

test('a block with any bit set behind its prefix is refused', () => {
  fc.assert(
    fc.property(block, fc.nat(127), style, ({ family, value, prefix }, bit, how) => {
      const behind = WIDTH[family] - prefix
      if (behind === 0) return
      const wrong = value | (1n << BigInt(bit % behind))
      expect(parseNetwork(`${written(family, wrong, how)}/${prefix}`)).toBeUndefined()
      expect(parseNetwork(`${written(family, value, how)}/${prefix}`)).toBeDefined()
    }),
    { numRuns: RUNS },
  )
})

test.each([undefined, '', 'unknown', '_hidden', '10.0.0.1.', '10.0.0.256', '"10.0.0.1"'])(
  'what is no address, %j, is refused by an admission and by a denial alike',
  (address) => {
    for (const rules of [{ networks: ['0.0.0.0/0', '::/0'] }, { deniedNetworks: ['192.0.2.0/24'] }]) {
      const networks = compileRestrictions([{ ...NO_RESTRICTIONS, ...rules }])?.networks
      if (networks === undefined) throw new Error('no rule about networks')
      expect(networkRefusal(networks, address)).toBe('the address of the client cannot be told')
    }
  },
)
