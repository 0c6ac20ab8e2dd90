// The official SDKs as judges of every refusal: their own class of error, no request more than is useful, and streams that arrive.
import { beforeAll, describe, expect, it } from 'vitest'
import { ENVOYS } from '../support/tested-envoys.ts'
import { MODEL_OF } from './sdk-clients.ts'
import type { SdkTrial } from './sdk-trials.ts'
import { attemptsOf, expectedOf, nameOf, SDK_TRIALS } from './sdk-trials.ts'
import type { SdkResult } from './sdk-world.ts'
import { runTrials } from './sdk-world.ts'

/** What Envoys do alike is shown elsewhere: one of them is enough unless all are wanted. */
const VERSIONS = process.env['LATCHKEY_TEST_ENVOYS'] === 'all' ? ENVOYS : ENVOYS.slice(-1)

/** All calls are made before the first test; a machine that has much else to do is given time. */
const FIVE_MINUTES_MS = 300_000

const answerOf = ({ how, client }: SdkTrial): RegExp => {
  if (how === 'models') return /^(models\/)?elsewhere,(models\/)?gpt-4o-mini$/
  if (how === 'model') return new RegExp(`^(models/)?${MODEL_OF[client.api]}$`)
  if (how === 'embedding') return /^0\.25,-0\.5,0\.125$/
  return how === 'tokens' ? /^1$/ : new RegExp(`mock, as ${MODEL_OF[client.api]}\\. You said: Hello$`)
}

describe.each(VERSIONS)('Envoy %s', (version) => {
  let results: ReadonlyMap<string, SdkResult>
  beforeAll(async () => {
    results = await runTrials(version, SDK_TRIALS)
  }, FIVE_MINUTES_MS)

  it.each(SDK_TRIALS.map((trial) => [nameOf(trial), trial] as const))('%s', (name, trial) => {
    const { answer, error, attempts } = results.get(name) ?? {}
    const expected = expectedOf(trial)
    if (expected === undefined) {
      expect(error).toBeUndefined()
      expect(answer).toMatch(answerOf(trial))
    } else {
      const { class: name, status, code, type, tellsId } = expected
      expect(error).toMatchObject({ class: name, status, code, type })
      expect(error?.requestId ?? '').toMatch(tellsId ? /^dec_/ : /^$/)
    }
    expect(attempts).toBe(attemptsOf(trial))
  })
})
