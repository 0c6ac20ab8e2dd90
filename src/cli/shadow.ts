// The option by which a key or a policy refuses in earnest, or only tells of what it would refuse.
import { Option } from 'commander'

export type ShadowFlags = Readonly<{ shadow?: 'on' | 'off' }>

export const shadowOption = (): Option =>
  new Option('--shadow <on|off>', 'let pass what would be refused, uncharged, and tell of it').choices([
    'on',
    'off',
  ])

/** Only what was given. */
export const shadowChangeOf = ({ shadow }: ShadowFlags): { shadow?: boolean } =>
  shadow === undefined ? {} : { shadow: shadow === 'on' }
