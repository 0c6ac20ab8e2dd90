// What a warm Check costs in each phase, over either transport: V8's profile under load, times the processor time without it.
import { mkdtemp, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CLIENT_CORE, SERVER_CORE, startLatchkey } from './asked.ts'
import { h2loadVersion, keepAsking } from './keep-asking.ts'
import type { Phase, Profile } from './phases.ts'
import { partsOfPhases } from './phases.ts'
import { prepareStore } from './prepare-store.ts'
import { cpuSeconds, pin } from './processes.ts'

export type PhaseFigures = readonly Readonly<{
  transport: 'lane' | 'grpc-js'
  /** Microseconds of processor time for a Check, without the profile. */
  cpuMicroseconds: number
  phases: readonly Readonly<{ phase: Phase; microseconds: number }>[]
}>[]

const WARM_MS = 1_000
const MEASURE_MS = 3_000
/** Microseconds between two looks of the profile. */
const INTERVAL = 250

export const measurePhases = async (
  { directory }: Readonly<{ directory: string }>,
  say: (sentence: string) => void,
): Promise<PhaseFigures> => {
  const url = `sqlite:${join(directory, 'phases.db')}`
  const [secret = ''] = await prepareStore(url, { keys: [[]] })
  const figures: PhaseFigures[number][] = []
  for (const transport of ['lane', 'grpc-js'] as const) {
    say(`Phases of a Check, ${transport}`)
    const { cpuMicroseconds } = await underLoad(transport, directory, { url, secret }, {})
    const profiles = await mkdtemp(join(directory, 'profile-'))
    const looks = `--cpu-prof --cpu-prof-dir=${profiles} --cpu-prof-interval=${INTERVAL}`
    const { window } = await underLoad(transport, directory, { url, secret }, { NODE_OPTIONS: looks })
    const parts = partsOfPhases(within(await readProfile(profiles), window))
    const phases = [...parts].map(([phase, part]) => ({ phase, microseconds: part * cpuMicroseconds }))
    figures.push({ transport, cpuMicroseconds, phases })
  }
  return figures
}

/** Microseconds before the end of the process. */
type Window = Readonly<{ beginsBefore: number; endsBefore: number }>

const underLoad = async (
  transport: 'lane' | 'grpc-js',
  directory: string,
  { url, secret }: Readonly<{ url: string; secret: string }>,
  env: Readonly<Record<string, string>>,
): Promise<Readonly<{ cpuMicroseconds: number; window: Window }>> => {
  const { address, pid, stop } = await startLatchkey(transport, directory, url, env)
  try {
    pin(pid, SERVER_CORE)
    const tool = h2loadVersion() === undefined ? 'own' : 'h2load'
    const asking = { address, secret, withId: true, core: CLIENT_CORE, directory }
    await keepAsking({ ...asking, forMs: WARM_MS }, tool)
    const [beganMs, before] = [performance.now(), cpuSeconds(pid) ?? Number.NaN]
    const { checks } = await keepAsking({ ...asking, forMs: MEASURE_MS }, tool)
    const [endedMs, after] = [performance.now(), cpuSeconds(pid) ?? Number.NaN]
    await stop()
    const overMs = performance.now()
    return {
      cpuMicroseconds: ((after - before) / checks) * 1e6,
      window: { beginsBefore: (overMs - beganMs) * 1_000, endsBefore: (overMs - endedMs) * 1_000 },
    }
  } finally {
    await stop()
  }
}

const readProfile = async (directory: string): Promise<Profile> => {
  const name = (await readdir(directory)).find((file) => file.endsWith('.cpuprofile'))
  if (name === undefined) throw new Error('Node left no profile')
  const profile: Profile = JSON.parse(await readFile(join(directory, name), 'utf8'))
  return profile
}

/** Without the start, the compiler's work on it, and the end. */
const within = (profile: Profile, { beginsBefore, endsBefore }: Window): Profile => {
  const over = profile.timeDeltas.reduce((sum, delta) => sum + delta, 0)
  let at = 0
  const timeDeltas = profile.timeDeltas.map((delta) => {
    at += delta
    return at > over - beginsBefore && at < over - endsBefore ? delta : 0
  })
  return { ...profile, timeDeltas }
}
