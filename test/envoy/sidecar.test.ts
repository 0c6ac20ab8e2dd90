// envoy/sidecar.yaml as it is shipped, its addresses aside: a socket file, providers outside, one Latchkey that restarts.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Document } from 'yaml'
import { headerLines } from '../../src/cli/demo/received-request.ts'
import type { EnvoyRig, MintedKey } from '../support/envoy-rig.ts'
import { chatBody, startEnvoyRig } from '../support/envoy-rig.ts'
import { ENVOYS } from '../support/tested-envoys.ts'

const HCM = ['static_resources', 'listeners', 0, 'filter_chains', 0, 'filters', 0, 'typed_config']
const RETRIES = [...HCM, 'http_filters', 0, 'typed_config', 'grpc_service', 'retry_policy']

/** More time for each try: the machine that runs the tests is busy. */
const patient = (document: Document): void =>
  document.setIn([...RETRIES, 'retry_back_off', 'max_interval'], '2s')

describe.each(ENVOYS)('Envoy %s', (version) => {
  let rig: EnvoyRig
  let key: MintedKey
  beforeAll(async () => {
    process.env['OPENAI_API_KEY'] = 'openai-secret-of-the-operator'
    process.env['ANTHROPIC_API_KEY'] = 'anthropic-secret-of-the-operator'
    rig = await startEnvoyRig({ version, name: 'sidecar', change: patient })
    key = await rig.createKey()
  })
  afterAll(async () => {
    delete process.env['OPENAI_API_KEY']
    delete process.env['ANTHROPIC_API_KEY']
    await rig.close()
  })
  beforeEach(() => void rig.received())

  it("a provider outside gets the operator's secret, its own name, and nothing of ours", async () => {
    await rig.chat(key.secret, 'gpt-4o-mini')
    await rig.send({
      path: '/v1/messages',
      headers: [['x-api-key', key.secret]],
      body: chatBody('claude-haiku-4-5'),
    })
    const [openai, anthropic] = rig.received()
    if (openai === undefined || anthropic === undefined)
      throw new Error('both providers should have been asked')
    expect(headerLines(openai, 'host')).toEqual(['api.openai.com'])
    expect(headerLines(openai, 'authorization')).toEqual(['Bearer openai-secret-of-the-operator'])
    expect(headerLines(anthropic, 'host')).toEqual(['api.anthropic.com'])
    expect(headerLines(anthropic, 'x-api-key')).toEqual(['anthropic-secret-of-the-operator'])
    const names = [...openai.headers, ...anthropic.headers].map(([name]) => name)
    expect(names.filter((name) => /^x-(latchkey|envoy)/.test(name))).toEqual([])
  })

  it('a model server of your own gets everything', async () => {
    await rig.chat(key.secret, 'llama-3')
    const [vllm] = rig.received()
    expect(vllm && headerLines(vllm, 'x-latchkey-key-id')).toEqual([key.id])
    expect(vllm && headerLines(vllm, 'x-latchkey-route')).toEqual(['vllm'])
  })

  it('requests wait while the one Latchkey restarts', async () => {
    await rig.app.stop()
    const waiting = Promise.all(Array.from({ length: 20 }, () => rig.chat(key.secret, 'gpt-4o-mini')))
    await rig.startLatchkey()
    expect((await waiting).map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200))
  })
})
