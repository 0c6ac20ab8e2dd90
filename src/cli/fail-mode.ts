// --fail-mode: what becomes of a key's requests while their charge cannot be made.
import { Option } from 'commander'

export const failModeOption = (): Option =>
  new Option(
    '--fail-mode <mode>',
    'while no charge can be made: closed refuses, open lets a few pass and charges them later',
  ).choices(['closed', 'open'])
