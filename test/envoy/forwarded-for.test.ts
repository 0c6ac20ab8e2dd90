// A rule about networks behind a trusted proxy and a real Envoy: the address that the proxy wrote counts, not what a client wrote.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { NO_RULES } from '../../src/policy/policy.ts'
import type { EnvoyRig, MintedKey } from '../support/envoy-rig.ts'
import { startEnvoyRig } from '../support/envoy-rig.ts'
import { ENVOYS } from '../support/tested-envoys.ts'

const CLIENT = '198.51.100.7'
const ELSEWHERE = '192.0.2.1'

describe.each(ENVOYS)('Envoy %s, which appends the address of the proxy', (version) => {
  let rig: EnvoyRig
  let key: MintedKey
  beforeAll(async () => {
    rig = await startEnvoyRig({ version, settings: { forwarded_for_depth: '2' } })
    key = await rig.createKey({ rules: { ...NO_RULES, networks: [`${CLIENT}/32`] } })
  })
  afterAll(() => rig.close())
  beforeEach(() => void rig.received())

  const codeFrom = async (...forwarded: readonly string[]) => {
    const lines = forwarded.map((line) => ['x-forwarded-for', line] as const)
    const answer = await rig.chat(key.secret, 'llama-3', lines)
    return answer.status === 200 ? 'passed' : JSON.parse(answer.body).error.code
  }

  it.each([
    ['the client alone', [CLIENT]],
    ['what the client forged, left of it', [`${ELSEWHERE}, ${CLIENT}`]],
    ['the same in a line of its own', [ELSEWHERE, CLIENT]],
  ])('the true address is admitted: %s', async (_, forwarded) => {
    expect(await codeFrom(...forwarded)).toBe('passed')
    expect(rig.received()).toHaveLength(1)
  })

  it.each([
    ['left of the true one', [`${CLIENT}, ${ELSEWHERE}`]],
    ['in a line of its own', [CLIENT, ELSEWHERE]],
    ['many times', [`${CLIENT}, ${CLIENT}, ${CLIENT}, ${ELSEWHERE}`]],
    ['past the proxy, with no entry of its own', []],
  ])('a forged one is refused: %s', async (_, forwarded) => {
    expect(await codeFrom(...forwarded)).toBe('network_not_allowed')
    expect(rig.received()).toEqual([])
  })
})
