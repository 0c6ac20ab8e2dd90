// Every trouble of the database, one after the other, under load through a real Envoy: nobody who may be served is refused,
// nobody who is valid is called invalid, Latchkey answers before Envoy stops waiting, and it heals by itself.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { recordFigure } from '../support/figures.ts'
import type { Trouble } from '../support/outage-database.ts'
import type { Answer, OutageLoad } from '../support/outage-load.ts'
import { startOutageLoad } from '../support/outage-load.ts'
import type { OutageRig } from '../support/outage-rig.ts'
import { startOutageRig } from '../support/outage-rig.ts'
import { until } from '../support/until.ts'

const PROVE = process.env['LATCHKEY_PROVE'] === '1'
const PER_SECOND = PROVE ? 500 : 100

/** Until it is given back; the database that was killed takes a second or two to start besides. */
const TROUBLES: readonly Readonly<{ trouble: Trouble; lastsMs: number }>[] = [
  { trouble: 'killed', lastsMs: PROVE ? 58_000 : 2_500 },
  { trouble: 'slow by 500 ms', lastsMs: PROVE ? 20_000 : 1_500 },
  { trouble: 'half-open', lastsMs: PROVE ? 20_000 : 2_500 },
  { trouble: 'full (1040)', lastsMs: PROVE ? 20_000 : 1_500 },
  { trouble: 'full (1203)', lastsMs: PROVE ? 20_000 : 1_500 },
]
/** Short of the setting by what a request may wait: what is sent later may be refused. */
const GRACE_MS = 59_000
/** In which nobody was refused: then service is full again. */
const FULL_SERVICE_MS = 1_000
/** What waits for a database that hangs is cut by its deadline, so that only so much can pile up. */
const MAX_MIB = 512

/** Of one trouble. */
const TIMEOUT_MS = PROVE ? 180_000 : 60_000

let rig: OutageRig
let nextFresh = 0
beforeAll(async () => {
  rig = await startOutageRig({
    fresh: PROVE ? 50_000 : 2_500,
    // Short troubles must outlast it too: what is served then is served although nobody tells of changes.
    settings: PROVE ? {} : { LATCHKEY_CACHE_UNFED_TTL: '500ms' },
  })
})
afterAll(() => rig.close())

const KINDS = ['unlimited', 'limited', 'fresh'] as const

const startLoad = (): OutageLoad => {
  let sent = 0
  const next = () => {
    const kind = KINDS[sent % KINDS.length] ?? 'unlimited'
    sent += 1
    const keys = rig[kind]
    const at = kind === 'fresh' ? nextFresh++ : Math.floor(sent / KINDS.length) % keys.length
    const secret = keys[at]
    if (secret === undefined) throw new Error('too few keys were made for this test')
    return { kind, secret }
  }
  return startOutageLoad({ port: rig.envoyPort, perSecond: PER_SECOND, next })
}

const isServed = ({ status }: Answer): boolean => status === 200
const isOurRefusal = ({ status, code, retryAfter }: Answer): boolean =>
  status === 503 &&
  retryAfter === '1' &&
  ['store_unavailable', 'deadline_exceeded', 'overloaded'].includes(code)

/** How many there were of each, for people. */
const tally = (answers: readonly Answer[]): Readonly<Record<string, number>> => {
  const counts: Record<string, number> = {}
  for (const { kind, status, code } of answers) {
    const name = `${kind}: ${status} ${code}`.trim()
    counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}

/** Resolves when nobody was refused for a while. */
const fullService = (load: OutageLoad): Promise<void> =>
  until(() => {
    const sinceMs = performance.now() - FULL_SERVICE_MS
    // They stand in the order of the answers: all of a long trouble are not gone through again and again.
    const lately = load.answers.slice(-3 * PER_SECOND).filter(({ answeredMs }) => answeredMs >= sinceMs)
    return lately.length > (PER_SECOND * FULL_SERVICE_MS) / 2_000 && lately.every(isServed)
  })

test.each(TROUBLES)(
  '$trouble: who is cached and has no limit is served, others are told 503 in time, and it heals by itself',
  async ({ trouble, lastsMs }) => {
    const load = startLoad()
    let watch: NodeJS.Timeout | undefined
    try {
      // Each key has been asked for by then, and is cached if it may be.
      await until(() => load.answers.length >= 2 * KINDS.length * rig.unlimited.length)
      await fullService(load)
      const rssBefore = rig.rssMib()
      let rssMost = rssBefore
      watch = setInterval(() => (rssMost = Math.max(rssMost, rig.rssMib())), 250)

      load.enter('begins')
      const beganMs = performance.now()
      const end = await rig.database.inflict(trouble)
      load.enter('trouble')
      await until(() => performance.now() - beganMs >= lastsMs)
      const endsMs = performance.now()
      load.enter('ends')
      await end()
      const endedMs = performance.now()
      load.enter('after')
      await until(() => performance.now() - endedMs >= FULL_SERVICE_MS)
      await fullService(load)
      await load.stop()

      // Before it only health was waited for: a process that has just started on a busy machine is slow.
      const answers = load.answers.filter(({ phase }) => phase !== 'healthy')
      const others = answers.filter((answer) => !isServed(answer) && !isOurRefusal(answer))
      expect(others.slice(0, 5), 'answers that are neither an Allow nor our 503').toEqual([])
      const inGrace = answers.filter(({ sentMs }) => sentMs < beganMs + GRACE_MS || sentMs > endedMs + 2_000)
      const refused = inGrace.filter((answer) => answer.kind === 'unlimited' && !isServed(answer))
      expect(tally(refused), 'refused although cached and without a limit').toEqual({})
      const during = answers.filter(({ phase, answeredMs }) => phase === 'trouble' && answeredMs < endsMs)
      if (trouble !== 'slow by 500 ms') {
        const served = during.filter((answer) => answer.kind !== 'unlimited' && isServed(answer))
        expect(tally(served), 'served although nobody could know').toEqual({})
      }
      expect(rssMost).toBeLessThan(MAX_MIB)

      const lastRefusedMs = Math.max(
        endedMs,
        ...answers.filter((answer) => !isServed(answer)).map(({ sentMs }) => sentMs),
      )
      const slowest = Math.max(...answers.map(({ sentMs, answeredMs }) => answeredMs - sentMs))
      recordFigure({ name: `${trouble}: lasted`, value: Math.round((endedMs - beganMs) / 1_000), unit: 's' })
      recordFigure({ name: `${trouble}: answers meanwhile`, value: JSON.stringify(tally(during)) })
      recordFigure({
        name: `${trouble}: until full service after it`,
        value: Math.round((lastRefusedMs - endedMs) / 10) / 100,
        unit: 's',
      })
      recordFigure({ name: `${trouble}: slowest answer`, value: Math.round(slowest), unit: 'ms' })
      recordFigure({
        name: `${trouble}: memory of the process, before and at most`,
        value: `${Math.round(rssBefore)}, ${Math.round(rssMost)}`,
        unit: 'MiB',
      })
    } finally {
      clearInterval(watch)
      await load.stop()
    }
  },
  TIMEOUT_MS,
)
