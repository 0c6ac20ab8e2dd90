// The readiness of several workers as one: each part is as well as it is where it is worst.
import type { Component } from '../telemetry/health-listener.ts'
import type { Components } from './messages.ts'

export type WorkerState = 'serving' | 'silent' | 'starting'

/** `told` has one entry for each worker that told its own; `states` has one for each that there should be. */
export const sumComponents = (
  told: ReadonlyMap<number, Components>,
  states: readonly WorkerState[],
): Components => {
  const sum: Record<string, Component> = {}
  for (const [worker, components] of told)
    for (const [name, component] of Object.entries(components)) {
      if (sum[name]?.ok === false) continue
      sum[name] = component.ok ? component : { ...component, detail: inWords(worker, component) }
    }
  const absent = states.flatMap((state, worker) =>
    state === 'serving' ? [] : [`worker ${worker} ${state === 'silent' ? 'does not answer' : 'is starting'}`],
  )
  const workers = absent.length === 0 ? { ok: true } : { ok: false, detail: absent.join(', ') }
  return { ...sum, workers }
}

const inWords = (worker: number, { detail }: Component): string =>
  `worker ${worker}${detail === undefined ? '' : `: ${detail}`}`
