// The path of an owner that is to be made, checked.
import { Rejection } from '../../kernel/failure.ts'
import { parseOwnerPath } from '../../kernel/name.ts'
import { KEY_ID_PREFIX } from './public-id.ts'

export const parseNewOwnerPath = (path: string): string => {
  if (path.startsWith(KEY_ID_PREFIX))
    throw new Rejection(
      'invalid',
      `an organisation's name must not begin with ${KEY_ID_PREFIX}, as the ids of keys do`,
    )
  // A quota's subject is an owner's path, or this word for the key itself.
  if (path === 'key' || path.startsWith('key/'))
    throw new Rejection('invalid', 'an organisation cannot be named key')
  return parseOwnerPath(path)
}
