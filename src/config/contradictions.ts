// Settings that are right each by itself and cannot be meant together.
import { OF_ATTESTATIONS } from './attestation-config.ts'
import { guardrailHeaderFaults } from './header-faults.ts'
import { reflectionFaults } from './reflection-faults.ts'
import type { SettingName, Settings } from './settings.ts'
import type { Sourced } from './sources.ts'
import { workerFaults } from './worker-faults.ts'

/** Each with where what was given of it was given. */
export const contradictions = (
  settings: Settings,
  given: ReadonlyMap<string, Sourced>,
): readonly string[] => {
  const faults: string[] = []
  const tls = [settings.tls_cert_file, settings.tls_key_file, settings.tls_client_ca_file]
  const where = (...names: readonly SettingName[]) => {
    const places = names.flatMap((name) => given.get(name)?.where ?? [])
    return places.length === 0 ? '' : `${places.join(' and ')}: `
  }
  if (tls.includes(undefined) && tls.some((file) => file !== undefined))
    faults.push(
      `${where(...TLS_FILES)}tls_cert_file, tls_key_file and tls_client_ca_file belong together: give all three or none`,
    )
  if (settings.listen.startsWith('unix:') && tls.some((file) => file !== undefined))
    faults.push(
      `${where(...TLS_FILES)}a socket file carries no TLS: give listen a HOST:PORT or leave the tls_… files out`,
    )
  if (settings.tls_client_names !== undefined && tls.includes(undefined))
    faults.push(`${given.get('tls_client_names')?.where}: needs the three tls_… files`)
  for (const name of ['socket_mode', 'socket_group'])
    if (given.has(name) && !settings.listen.startsWith('unix:'))
      faults.push(`${given.get(name)?.where}: needs a socket file: give listen a unix:/PATH`)
  if (given.has('max_connection_age') && settings.listen.startsWith('unix:'))
    faults.push(
      `${given.get('max_connection_age')?.where}: is for TCP: a connection to a socket file has no age`,
    )
  for (const name of OF_ATTESTATIONS)
    if (given.has(name) && settings.attestation_key_file === undefined)
      faults.push(`${given.get(name)?.where}: needs attestation_key_file`)
  faults.push(
    ...guardrailHeaderFaults(settings).map((fault) => `${given.get('guardrail_header')?.where}: ${fault}`),
  )
  faults.push(...reflectionFaults(settings).map((fault) => `${given.get('reflection')?.where}: ${fault}`))
  faults.push(...workerFaults(settings).map((fault) => `${given.get('workers')?.where}: ${fault}`))
  if (settings.retry_horizon <= settings.check_timeout)
    faults.push(
      `${where('retry_horizon', 'check_timeout')}retry_horizon must be longer than check_timeout, or a retried Check may be charged twice`,
    )
  return faults
}

const TLS_FILES = ['tls_cert_file', 'tls_key_file', 'tls_client_ca_file'] as const
