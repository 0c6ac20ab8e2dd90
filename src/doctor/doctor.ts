// Looks through the configuration, the machine, the store and Envoy, and says what is wrong and what to do. Changes nothing.

import type { Flags } from '../config/read-settings.ts'
import type { Environment } from '../config/sources.ts'
import type { Config } from '../config.ts'
import { loadConfig } from '../config.ts'
import { machineNowMs } from '../kernel/clock.ts'
import { Rejection } from '../kernel/failure.ts'
import { examineEnvoy } from './envoy/examine-envoy.ts'
import { examineStore } from './examine-store.ts'
import type { Finding } from './finding.ts'
import { fault, fine, skipped } from './finding.ts'
import { examineAttestation } from './machine/attestation-check.ts'
import { examineMemory, memoryBytes } from './machine/memory-check.ts'
import { examinePorts } from './machine/port-checks.ts'
import { examineShadowMode } from './machine/shadow-mode-check.ts'
import { examineSocket } from './machine/socket-checks.ts'
import { examineTls } from './machine/tls-checks.ts'

export type Examination = Readonly<{
  findings: readonly Finding[]
  /** False when the store does not answer. */
  storeReached: boolean
}>

export type Options = Readonly<{
  flags: Flags
  /** This process's unless given. */
  environment?: Environment
  /** A bootstrap of Envoy, in YAML or JSON. */
  envoyFile: string | undefined
  /** This machine's clock and memory. */
  machine?: Readonly<{ nowMs: () => number; memoryBytes: () => number }>
}>

const THIS_MACHINE = { nowMs: machineNowMs, memoryBytes }

export const examine = async ({
  flags,
  environment,
  envoyFile,
  machine = THIS_MACHINE,
}: Options): Promise<Examination> => {
  const { config, finding } = configuration(flags, environment)
  const store = config === undefined ? undefined : await examineStore(config, machine.nowMs)
  const findings = [
    finding,
    ...(config === undefined ? [] : await examineMachine(config, machine)),
    ...(store?.findings ?? [skipped('store_reachable', 'the configuration has to be right first')]),
    ...(envoyFile === undefined
      ? [skipped('envoy_file', "give --envoy FILE to have Envoy's bootstrap looked through")]
      : examineEnvoy(envoyFile, { config, models: store?.models })),
  ]
  return { findings, storeReached: store?.reached ?? true }
}

const configuration = (
  flags: Flags,
  environment?: Environment,
): Readonly<{ config: Config | undefined; finding: Finding }> => {
  const check = 'configuration'
  try {
    return { config: loadConfig(flags, environment), finding: fine(check, 'every setting is of its form') }
  } catch (error) {
    if (!(error instanceof Rejection)) throw error
    const remedy = 'correct it; every setting is in docs/configuration.md'
    return { config: undefined, finding: fault(check, error.message, remedy) }
  }
}

const examineMachine = async (config: Config, machine: typeof THIS_MACHINE): Promise<readonly Finding[]> => [
  ...(await examineSocket(config)),
  ...(await examinePorts(config)),
  ...(await examineTls(config, machine.nowMs())),
  ...(await examineAttestation(config)),
  ...examineMemory(config, machine.memoryBytes()),
  examineShadowMode(config),
]
