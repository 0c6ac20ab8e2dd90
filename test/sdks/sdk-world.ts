// Every SDK through one Envoy: what each call came to, and how many requests of it Envoy saw.
import type { Document } from 'yaml'
import type { EnvoyRig } from '../support/envoy-rig.ts'
import { startEnvoyRig } from '../support/envoy-rig.ts'
import { javascriptSdks } from './javascript-sdks.ts'
import { startPythonSdk } from './python-sdk.ts'
import { PATIENCE_S, startScriptedServer } from './scripted-server.ts'
import type { SdkCall, SdkOutcome, SdkRunner } from './sdk-call.ts'
import { CASE_HEADER } from './sdk-call.ts'
import type { Arranged, SdkCase } from './sdk-cases.ts'
import { SDK_CASES } from './sdk-cases.ts'
import type { SdkClient } from './sdk-clients.ts'
import { MODEL_OF } from './sdk-clients.ts'
import type { SdkTrial } from './sdk-trials.ts'
import { nameOf } from './sdk-trials.ts'

export type SdkResult = SdkOutcome & Readonly<{ attempts: number }>

/** By name of the trial. */
export const runTrials = async (
  version: string,
  trials: readonly SdkTrial[],
): Promise<ReadonlyMap<string, SdkResult>> => {
  const rig = await startEnvoyRig({ version, change, settings: PATIENT })
  const runners = startSdks()
  const script = await startScriptedServer()
  try {
    const calls = await callsOf(rig)
    const runAll = async (by: SdkCase['by']) => {
      const wanted = trials.filter(({ one }) => one.by === by)
      const outcomes = await Promise.all(
        Object.entries(runners).map(([sdk, runner]) =>
          runner.run(wanted.filter(({ client }) => client.sdk === sdk).map(calls)),
        ),
      )
      return outcomes.flat()
    }
    const outcomes = await runAll('latchkey')
    rig.proxy.aimAt(script.address)
    outcomes.push(...(await runAll('script')))
    rig.proxy.aimAt(undefined)
    outcomes.push(...(await runAll('nobody')))
    const attempts = await countAttempts(rig)
    return new Map(outcomes.map((each) => [each.name, { ...each, attempts: attempts.get(each.name) ?? 0 }]))
  } finally {
    await Promise.all(Object.values(runners).map((runner) => runner.close()))
    await rig.close()
    await script.drain()
  }
}

const PATIENT = { check_timeout: `${PATIENCE_S}s`, retry_horizon: `${2 * PATIENCE_S}s` }

const startSdks = (): Readonly<Record<SdkClient['sdk'], SdkRunner>> => ({
  JavaScript: javascriptSdks,
  'openai.py': startPythonSdk('openai'),
  'anthropic.py': startPythonSdk('anthropic'),
  'google-genai.py': startPythonSdk('google'),
})

/** One key for each case, whoever asks. */
const callsOf = async (rig: EnvoyRig): Promise<(trial: SdkTrial) => SdkCall> => {
  const good = await rig.createKey()
  const arranged = new Map<SdkCase, Arranged>()
  for (const one of SDK_CASES) if (one.by === 'latchkey') arranged.set(one, await one.arrange(rig))
  const url = `http://127.0.0.1:${rig.envoy.port}`
  return (trial) => ({
    name: nameOf(trial),
    client: trial.client.client,
    how: trial.how,
    url,
    secret: good.secret,
    model: MODEL_OF[trial.client.api],
    said: 'Hello',
    retries: trial.client.retries === 'by status',
    ...arranged.get(trial.one),
  })
}

const change = (document: Document): void => {
  const manager = ['static_resources', 'listeners', 0, 'filter_chains', 0, 'filters', 0, 'typed_config']
  const service = [...manager, 'http_filters', 0, 'typed_config', 'grpc_service']
  document.setIn([...service, 'timeout'], `${PATIENCE_S}s`)
  document.setIn([...service, 'retry_policy', 'retry_back_off', 'max_interval'], `${PATIENCE_S}s`)
  const format = [...manager, 'access_log', 0, 'typed_config', 'log_format', 'json_format']
  document.setIn([...format, 'sdk_case'], `%REQ(${CASE_HEADER})%`)
}

/** Requests by case, all of those that have ended. */
const countAttempts = async (rig: EnvoyRig): Promise<ReadonlyMap<string, number>> => {
  const last = '/the-last-request'
  await rig.send({ path: last })
  await rig.accessEntry(last)
  const counts = new Map<string, number>()
  for (const entry of rig.accessEntries()) {
    const name = 'sdk_case' in entry ? String(entry.sdk_case) : ''
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return counts
}
