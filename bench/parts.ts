// The parts of the comparison: each can run by itself and keeps what it measured.
import type { MariadbServer } from '../test/support/mariadb.ts'
import type { CheckFigures } from './checks.ts'
import { measureChecks } from './checks.ts'
import type { EnvoyFigures } from './envoy.ts'
import { measureEnvoy } from './envoy.ts'
import type { LaneFigures } from './lane.ts'
import { measureLane } from './lane.ts'
import type { PhaseFigures } from './profile.ts'
import { measurePhases } from './profile.ts'
import type { QuotaFigures } from './quota.ts'
import { measureQuotas } from './quota.ts'
import type { StartupFigures } from './startup.ts'
import { measureStartup } from './startup.ts'
import type { WorkersFigures } from './workers.ts'
import { measureWorkers } from './workers.ts'

export type PartFigures = Readonly<{
  lane: LaneFigures
  phases: PhaseFigures
  checks: CheckFigures
  quotas: QuotaFigures
  envoy: EnvoyFigures
  startup: StartupFigures
  workers: WorkersFigures
}>

export type Part = keyof PartFigures

export type Bench = Readonly<{ directory: string; mariadb: MariadbServer; rounds: number }>

type Measure<Figures> = (bench: Bench, say: (sentence: string) => void) => Promise<Figures>

/** In the order in which they run. */
export const PARTS: Readonly<{ [Name in Part]: Measure<PartFigures[Name]> }> = {
  lane: measureLane,
  phases: measurePhases,
  checks: measureChecks,
  quotas: measureQuotas,
  envoy: measureEnvoy,
  startup: measureStartup,
  workers: measureWorkers,
}

export const isPart = (name: string): name is Part => Object.hasOwn(PARTS, name)

export const PART_NAMES: readonly Part[] = Object.keys(PARTS).filter(isPart)
