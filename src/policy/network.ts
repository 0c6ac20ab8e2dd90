// Networks that a request may come from, or may not: CIDR blocks of IPv4 and IPv6.
import { BlockList, isIP } from 'node:net'

/** Answers for any number of addresses; made once for a list. */
export type Networks = Readonly<{ hold(address: string): boolean }>

/** `10.0.0.0/8`, `2001:db8::/32`, or one address. undefined when the text is neither, or has bits set behind the prefix. */
export const parseNetwork = (text: string): string | undefined => {
  const [address = '', prefix, ...rest] = text.split('/')
  const family = isIP(address)
  if (family === 0 || rest.length > 0 || address.includes('%')) return undefined
  const bits = family === 4 ? 32 : 128
  if (prefix === undefined) return `${address}/${bits}`
  if (!/^(0|[1-9]\d{0,2})$/.test(prefix) || Number(prefix) > bits) return undefined
  return hasHostBits(address, family, Number(prefix)) ? undefined : `${address}/${prefix}`
}

/**
 * Each entry as `parseNetwork` reads it; throws on another. An IPv4 address written as IPv6 is that IPv4 address, in a network too, and in
 * no wider network of IPv6: a BlockList has every IPv4 address in ::/0.
 */
export const networksOf = (list: readonly string[]): Networks => {
  const ofIpv4 = new BlockList()
  const ofIpv6 = new BlockList()
  for (const entry of list) {
    const parsed = parseNetwork(entry)
    if (parsed === undefined) throw new TypeError(`${JSON.stringify(entry)} is not a network`)
    const [address = '', bits] = parsed.split('/')
    const prefix = Number(bits)
    if (isIP(address) === 4) ofIpv4.addSubnet(address, prefix, 'ipv4')
    else if (prefix >= 96 && MAPPED.check(address, 'ipv6'))
      ofIpv4.addSubnet(mappedAddress(address), prefix - 96, 'ipv4')
    else ofIpv6.addSubnet(address, prefix, 'ipv6')
  }
  return {
    hold(address) {
      const family = isIP(address)
      if (family === 4) return ofIpv4.check(address, 'ipv4')
      if (family === 0) return false
      const bare = withoutZone(address)
      return MAPPED.check(bare, 'ipv6') ? ofIpv4.check(bare, 'ipv6') : ofIpv6.check(bare, 'ipv6')
    },
  }
}

/** IPv4 or IPv6, of the latter also with the zone of a link-local one. */
export const isAddress = (text: string): boolean => isIP(text) !== 0

const MAPPED = new BlockList()
MAPPED.addSubnet('::ffff:0:0', 96, 'ipv6')

const mappedAddress = (address: string): string =>
  ipv6Groups(address)
    .slice(6)
    .flatMap((group) => [group >> 8, group & 255])
    .join('.')

const withoutZone = (address: string): string => {
  const at = address.indexOf('%')
  return at < 0 ? address : address.slice(0, at)
}

/** A network that is not written with its first address was meant otherwise than it reads. */
const hasHostBits = (address: string, family: number, prefix: number): boolean => {
  const bits = addressBits(address, family)
  return bits.slice(prefix).includes('1')
}

const addressBits = (address: string, family: number): string =>
  family === 4
    ? address
        .split('.')
        .map((part) => binary(Number(part), 8))
        .join('')
    : ipv6Groups(address)
        .map((group) => binary(group, 16))
        .join('')

const binary = (value: number, width: number): string => value.toString(2).padStart(width, '0')

/** Eight numbers. The last two may be written as an IPv4 address. */
const ipv6Groups = (address: string): readonly number[] => {
  const [head = '', tail] = address.split('::')
  const before = groupsIn(head)
  if (tail === undefined) return before
  const after = groupsIn(tail)
  return [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after]
}

const groupsIn = (text: string): readonly number[] =>
  text === ''
    ? []
    : text.split(':').flatMap((group) => {
        if (!group.includes('.')) return [Number.parseInt(group, 16)]
        const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number)
        return [a * 256 + b, c * 256 + d]
      })
