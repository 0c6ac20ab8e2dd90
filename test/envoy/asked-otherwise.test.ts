// Latchkey asked with the body or without it, by lines of headers or by a map of them: the same holds for every client.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Document } from 'yaml'
import { isSeq } from 'yaml'
import { NO_RULES } from '../../src/policy/policy.ts'
import type { EnvoyRig, MintedKey } from '../support/envoy-rig.ts'
import { MODELS, startEnvoyRig } from '../support/envoy-rig.ts'
import { holdsForEveryClient } from '../support/gateway-behaviour.ts'
import { ENVOYS } from '../support/tested-envoys.ts'

const HCM = ['static_resources', 'listeners', 0, 'filter_chains', 0, 'filters', 0, 'typed_config']
const EXT_AUTHZ = [...HCM, 'http_filters', 0, 'typed_config']

/** The last route is that of a request without a catalogue's route. */
const withoutCatalogue = (document: Document): void => {
  const routes = document.getIn([...HCM, 'route_config', 'virtual_hosts', 0, 'routes'])
  if (!isSeq(routes)) throw new Error('there are routes')
  const last = [...HCM, 'route_config', 'virtual_hosts', 0, 'routes', routes.items.length - 1]
  for (const part of ['direct_response', 'response_headers_to_add']) document.deleteIn([...last, part])
  document.setIn([...last, 'route'], { cluster: 'openai' })
}

describe.each(ENVOYS)('Envoy %s', (version) => {
  describe.each([
    { body: true, raw: true },
    { body: true, raw: false },
    { body: false, raw: true },
    { body: false, raw: false },
  ])('with_request_body $body, encode_raw_headers $raw', ({ body, raw }) => {
    let rig: EnvoyRig
    let key: MintedKey
    beforeAll(async () => {
      rig = await startEnvoyRig({
        version,
        change: (document) => {
          withoutCatalogue(document)
          document.setIn([...EXT_AUTHZ, 'encode_raw_headers'], raw)
          if (!body) document.deleteIn([...EXT_AUTHZ, 'with_request_body'])
        },
      })
      for (const { name } of MODELS) await rig.app.store.policyBook.deleteModel(name)
      key = await rig.createKey()
    })
    afterAll(() => rig.close())

    holdsForEveryClient(() => ({ send: rig.send, received: rig.received, key }))

    it('a rule about models is kept: by what the body says, or by refusing what nobody can know', async () => {
      const { secret } = await rig.createKey({ rules: { ...NO_RULES, models: ['gpt-4o-mini'] } })
      rig.received()
      const admitted = await rig.chat(secret, 'gpt-4o-mini')
      const refused = await rig.chat(secret, 'gpt-5')
      const codes = [admitted, refused].map((answer) =>
        answer.status === 200 ? 'passed' : JSON.parse(answer.body).error.code,
      )
      expect(codes).toEqual(body ? ['passed', 'model_not_allowed'] : ['body_too_large', 'body_too_large'])
      expect(rig.received()).toHaveLength(body ? 1 : 0)
    })
  })
})
