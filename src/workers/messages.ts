// What a worker and its supervisor say to each other, over the channel that Node gives a child.
import type { Component } from '../telemetry/health-listener.ts'

export type Components = Readonly<Record<string, Component>>

/** What a health listener is asked for. */
export type Subject = 'metrics' | 'components'

/** One of the two, as asked. */
export type Told = Readonly<{ metrics?: string; components?: Components }>

export type FromWorker =
  | Readonly<{ type: 'serving' }>
  /** Of all workers, summed up. */
  | Readonly<{ type: 'ask'; id: number; subject: Subject }>
  /** Of this worker alone. */
  | Readonly<{ type: 'told'; id: number; told: Told }>

export type ToWorker =
  | Readonly<{ type: 'stop' }>
  | Readonly<{ type: 'tell'; id: number; subject: Subject }>
  | Readonly<{ type: 'answer'; id: number; told: Told }>
