// What the account of the URL may do: enough to serve or to manage, and not everything.
import type { AccountFit } from '../../store/mysql/account-fit.ts'
import type { Finding } from '../finding.ts'
import { fault, fine, someOf, warning } from '../finding.ts'

export const examineAccount = ({ fits, lacksToServe, everything, byRole }: AccountFit): Finding => {
  const check = 'store_account'
  if (everything)
    return warning(
      check,
      'this account may drop tables: whoever learns its password can do so too',
      'run latchkey accounts --apply, and give serve the URL of latchkey_server',
    )
  if (fits.includes('server') || fits.includes('admin'))
    return fine(check, `the rights are those of the ${fits.join(' and the ')}`)
  if (fits.includes('migrator'))
    return fault(
      check,
      'this is the account that migrates, and can neither serve nor manage',
      'give serve the URL of latchkey_server; latchkey accounts tells how to make it',
    )
  if (byRole) return fine(check, 'the rights come by a role, which is not looked into')
  return fault(
    check,
    `this account may not ${someOf(lacksToServe)}`,
    'run latchkey accounts --apply as somebody who may grant it; after each migration again',
  )
}
