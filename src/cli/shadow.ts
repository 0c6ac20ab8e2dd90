// The option by which a key or a policy refuses in earnest, or only tells of what it would refuse.
import { Option } from 'commander'

export type ShadowFlags = Readonly<{ shadow?: 'on' | 'off' }>

const WORDS = {
  key: 'let pass what would be refused, uncharged, and tell of it',
  policy: 'let pass what it alone would refuse, charged as ever, and tell of it',
} as const

export const shadowOption = (holder: keyof typeof WORDS): Option =>
  new Option('--shadow <on|off>', WORDS[holder]).choices(['on', 'off'])

/** Only what was given. */
export const shadowChangeOf = ({ shadow }: ShadowFlags): { shadow?: boolean } =>
  shadow === undefined ? {} : { shadow: shadow === 'on' }
