// How much of a body Envoy sends along, and what it does with a longer one.
import type { Config } from '../../config.ts'
import type { Finding } from '../finding.ts'
import { fault, warning } from '../finding.ts'
import type { Gateway } from './envoy-facts.ts'
import { at, isTrueAt, numberAt } from './tree.ts'

const DEFAULT_BUFFER = 1_048_576

export const bodyMistakes = (
  { authz, listener, name }: Gateway,
  config: Config | undefined,
): readonly Finding[] => {
  const check = 'envoy_body'
  const body = at(authz, 'with_request_body')
  if (body === undefined)
    return [
      warning(
        check,
        `no body of ${name} is sent along: a key with a rule about models is refused`,
        'set with_request_body: { max_request_bytes: 1048576, allow_partial_message: true, pack_as_bytes: true }',
      ),
    ]
  const most = numberAt(body, 'max_request_bytes') ?? 0
  const buffer = numberAt(listener, 'per_connection_buffer_limit_bytes') ?? DEFAULT_BUFFER
  const mistakes: Finding[] = []
  if (!isTrueAt(body, 'allow_partial_message'))
    mistakes.push(
      warning(
        check,
        `bodies of ${name} over ${most} bytes are 413 for everybody`,
        'set allow_partial_message: true',
      ),
    )
  if (!isTrueAt(body, 'pack_as_bytes'))
    mistakes.push(
      warning(check, `a body of ${name} that is not UTF-8 cannot be sent along`, 'set pack_as_bytes: true'),
    )
  if (config !== undefined && most > config.maxBodyBytes)
    mistakes.push(
      fault(
        check,
        `Envoy sends up to ${most} bytes of a body, and Latchkey takes ${config.maxBodyBytes}`,
        'raise max_body, or lower max_request_bytes',
      ),
    )
  if (buffer < most)
    mistakes.push(
      warning(
        check,
        `Envoy itself answers 413 to bodies of ${name} over ${buffer} bytes`,
        'set per_connection_buffer_limit_bytes of the listener above max_request_bytes',
      ),
    )
  return mistakes
}
