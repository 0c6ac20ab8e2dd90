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

/** Each entry as `parseNetwork` reads it; throws on another. An IPv4 address written as IPv6 is in its IPv4 network. */
export const networksOf = (list: readonly string[]): Networks => {
  const blocks = new BlockList()
  for (const entry of list) {
    const parsed = parseNetwork(entry)
    if (parsed === undefined) throw new TypeError(`${JSON.stringify(entry)} is not a network`)
    const [address = '', prefix] = parsed.split('/')
    blocks.addSubnet(address, Number(prefix), familyOf(address))
  }
  return { hold: (address) => isIP(address) !== 0 && blocks.check(address, familyOf(address)) }
}

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 4 ? 'ipv4' : 'ipv6')

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
