// What holds for every client, however it reaches Envoy: one body of tests for every protocol and every way to be asked.
import { beforeEach, expect, it } from 'vitest'
import type { ReceivedRequest } from '../../src/cli/demo/received-request.ts'
import { headerLines } from '../../src/cli/demo/received-request.ts'
import type { MintedKey } from './envoy-rig.ts'
import { chatBody } from './envoy-rig.ts'
import type { HeaderLine, RawRequest, RawResponse } from './raw-client.ts'
import { header } from './raw-client.ts'

export type Reached = Readonly<{
  send(request: RawRequest): Promise<RawResponse>
  received(): readonly ReceivedRequest[]
  key: MintedKey
}>

const MIB = 1_048_576

/** `reach` is asked when a test runs. Bodies are longer than any window that a protocol opens by default. */
export const holdsForEveryClient = (reach: () => Reached): void => {
  beforeEach(() => void reach().received())

  const chat = (headers: readonly HeaderLine[], body: string = chatBody('gpt-4o-mini')) =>
    reach().send({ headers: [['content-type', 'application/json'], ...headers], body })
  const bearer = (): HeaderLine => ['authorization', `Bearer ${reach().key.secret}`]

  it('a request with a key arrives, with who it is and without the key', async () => {
    const { key, received } = reach()
    expect((await chat([bearer()])).status).toBe(200)
    const [request] = received()
    if (request === undefined) throw new Error('nothing arrived')
    expect(request.body.toString()).toBe(chatBody('gpt-4o-mini'))
    expect(JSON.stringify(request.headers)).not.toContain(key.secret)
  })

  it('a request without a key, or with a wrong one, is refused with a body and arrives nowhere', async () => {
    for (const [headers, code] of [
      [[], 'missing_key'],
      [[['authorization', `Bearer ${reach().key.secret.slice(0, -1)}`]], 'invalid_key'],
    ] as const) {
      const refused = await chat(headers)
      expect([refused.status, JSON.parse(refused.body).error.code]).toEqual([401, code])
      expect(header(refused, 'x-should-retry')).toBe('false')
    }
    expect(reach().received()).toEqual([])
  })

  it('two keys are ambiguous, in one header or in two', async () => {
    const other = `${reach().key.secret.slice(0, 5)}${reach().key.secret.slice(5)}x`
    for (const second of [
      ['authorization', `Bearer ${other}`],
      ['x-api-key', other],
    ] as const) {
      const refused = await chat([bearer(), second])
      expect([refused.status, JSON.parse(refused.body).error.code]).toEqual([401, 'ambiguous_key'])
    }
    expect(reach().received()).toEqual([])
  })

  it('what a client plants under our names does not arrive', async () => {
    const planted = ['x-latchkey-owner', 'x-latchkey-guardrails', 'x-latchkey-route'] as const
    expect((await chat([bearer(), ...planted.map((name): HeaderLine => [name, 'planted'])])).status).toBe(200)
    expect(JSON.stringify(reach().received()[0]?.headers)).not.toContain('planted')
  })

  it.each([0.9, 4])('a body of %f MiB arrives whole when no rule needs to read it', async (mib) => {
    const { secret } = reach().key
    const body = JSON.stringify({ model: 'gpt-4o-mini', pad: 'x'.repeat(mib * MIB) })
    const response = await reach().send({
      path: '/v1/chat/completions',
      headers: [['authorization', `Bearer ${secret}`]],
      body,
    })
    const [request] = reach().received()
    // Longer than what Envoy sends along: a model rule cannot be kept and says so, and without one it passes.
    if (response.status === 413) {
      expect([mib, JSON.parse(response.body).error.code]).toEqual([4, 'body_too_large'])
      expect(request).toBeUndefined()
    } else {
      expect(response.status).toBe(200)
      expect(request?.body.length).toBe(body.length)
    }
  })

  it('a stream arrives event by event, and whole', async () => {
    const body = JSON.stringify({ ...JSON.parse(chatBody('gpt-4o-mini')), stream: true })
    const response = await chat([bearer()], body)
    expect([response.status, header(response, 'content-type')]).toEqual([200, 'text/event-stream'])
    expect(response.body.trimEnd().endsWith('data: [DONE]')).toBe(true)
  })
}

export const onlyLine = (request: ReceivedRequest | undefined, name: string): string | undefined => {
  const lines = request === undefined ? [] : headerLines(request, name)
  expect(lines.length).toBeLessThanOrEqual(1)
  return lines[0]
}
