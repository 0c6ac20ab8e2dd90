// Header names that were given two tasks: Envoy would remove what Latchkey sets, or pass on what nobody set.
import type { Settings } from './settings.ts'

type Names = Pick<Settings, 'guardrail_header' | 'credential_headers' | 'model_header'>

/** Each without where it was given. */
export const guardrailHeaderFaults = (names: Names): readonly string[] => {
  const { guardrail_header: name, credential_headers: credentials, model_header: model } = names
  if (name === undefined) return []
  const faults: string[] = []
  if (credentials.includes(name)) faults.push(`${name} is one of credential_headers, which are removed`)
  if (name === model) faults.push(`${name} is model_header, which the client sets`)
  return faults
}
