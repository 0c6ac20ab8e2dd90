// Policies and keys in shadow mode: what they would refuse passes.
import type { KeyRecord } from '../../keys/key-book.ts'
import type { Policy } from '../../policy/policy.ts'
import type { Finding } from '../finding.ts'
import { fine, someOf, warning } from '../finding.ts'

export const examineShadow = ({
  policies,
  keys,
}: Readonly<{ policies: readonly Policy[]; keys: readonly KeyRecord[] }>): Finding => {
  const inShadow = [
    ...policies.filter(({ shadow }) => shadow).map(({ name }) => `policy ${name}`),
    ...keys.filter(({ shadow }) => shadow).map(({ id }) => `key ${id}`),
  ]
  return inShadow.length === 0
    ? fine('shadow_rules', 'no policy and no key is in shadow mode')
    : warning(
        'shadow_rules',
        `in shadow mode, so what they would refuse passes: ${someOf(inShadow)}`,
        'once would_deny tells of nobody who should pass: latchkey policies update NAME --shadow off, latchkey keys update ID --shadow off',
      )
}
