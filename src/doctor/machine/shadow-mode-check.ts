// Shadow mode for everybody: right while rules are tried, and no protection while it is on.
import type { Config } from '../../config.ts'
import type { Finding } from '../finding.ts'
import { fine, warning } from '../finding.ts'

export const examineShadowMode = ({ shadow }: Config): Finding =>
  shadow.mode
    ? warning(
        'shadow_mode',
        'shadow_mode is on: what rules and limits would refuse passes for every key, and is not charged',
        'set shadow_mode: off once latchkey_checks_total with decision would_deny shows what you expect',
      )
    : fine('shadow_mode', 'rules and limits hold for every key that is not in shadow mode itself')
