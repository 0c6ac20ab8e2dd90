// The server leaves without failing anybody: health first, then what is in flight, then its successor's socket stays.
import { once } from 'node:events'
import { join } from 'node:path'
import { credentials, status } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import type { Decision } from '../../src/check/decision.ts'
import { deny } from '../../src/check/decision.ts'
import type { HealthCheckResponse } from '../../src/grpc/gen/grpc/health/v1/health.ts'
import { HealthCheckResponse_ServingStatus, HealthClient } from '../../src/grpc/gen/grpc/health/v1/health.ts'
import { HEALTH_NAMES } from '../../src/grpc/health.ts'
import { summarise } from '../support/check-client.ts'
import { aCheckRequest } from '../support/check-requests.ts'
import { aDirectory, onClose } from '../support/closing.ts'
import { anAllow } from '../support/decisions.ts'
import { aClient, aServer, ask } from '../support/grpc-rig.ts'

const { SERVING, NOT_SERVING, SERVICE_UNKNOWN } = HealthCheckResponse_ServingStatus

const aHealthClient = (address: string): HealthClient => {
  const client = new HealthClient(address, credentials.createInsecure())
  onClose(() => client.close())
  return client
}

const healthOf = (client: HealthClient, service: string): Promise<HealthCheckResponse> =>
  new Promise((resolve, reject) => {
    client.check({ service }, (error, response) => (error === null ? resolve(response) : reject(error)))
  })

describe('health', () => {
  it.each(HEALTH_NAMES)(
    'of %j is NOT_SERVING until the server is told, and again when told so',
    async (service) => {
      const server = await aServer()
      const client = aHealthClient(server.address)
      const seen = []
      for (const serving of [undefined, true, false, true]) {
        if (serving !== undefined) server.setServing(serving)
        seen.push((await healthOf(client, service)).status)
      }
      expect(seen).toEqual([NOT_SERVING, SERVING, NOT_SERVING, SERVING])
    },
  )

  it('of a service that is not here is NOT_FOUND', async () => {
    const { address } = await aServer()
    await expect(healthOf(aHealthClient(address), 'other')).rejects.toMatchObject({ code: status.NOT_FOUND })
  })

  it('tells those who watch each change, and lets them go when the server leaves', async () => {
    const server = await aServer()
    const client = aHealthClient(server.address)
    const known = client.watch({ service: '' })
    const unknown = client.watch({ service: 'other' })
    const seen: (readonly [string, unknown])[] = []
    for (const [name, stream] of [
      ['known', known],
      ['unknown', unknown],
    ] as const)
      stream.on('data', (response: HealthCheckResponse) => seen.push([name, response.status]))
    await Promise.all([once(known, 'data'), once(unknown, 'data')])
    server.setServing(true)
    await once(known, 'data')
    const ended = Promise.all([once(known, 'end'), once(unknown, 'end')])
    await server.drain()
    await ended
    const of = (name: string) => seen.filter(([of]) => of === name).map(([, told]) => told)
    expect([of('known'), of('unknown')]).toEqual([[NOT_SERVING, SERVING, NOT_SERVING], [SERVICE_UNKNOWN]])
  })
})

describe('a drain', () => {
  it('says NOT_SERVING and goes on answering until its delay is over', async () => {
    const server = await aServer({ drainDelayMs: 1_000 })
    server.setServing(true)
    const [client, health] = [aClient(server.address), aHealthClient(server.address)]
    // It is connected before the delay begins, which on a busy machine may take as long.
    await ask(client, aCheckRequest())
    const watched = health.watch({ service: '' })
    await once(watched, 'data')
    const told = once(watched, 'data')
    const drained = server.drain()
    expect(await told).toMatchObject([{ status: NOT_SERVING }])
    expect(summarise(await ask(client, aCheckRequest()))).toMatchObject({ allowed: true })
    await drained
  })

  it('finishes what is in flight and takes nothing new', async () => {
    const began = Promise.withResolvers<void>()
    const decided = Promise.withResolvers<Decision>()
    const server = await aServer({}, () => {
      began.resolve()
      return decided.promise
    })
    const inFlight = ask(aClient(server.address), aCheckRequest())
    await began.promise
    const drained = server.drain()
    // Once it refuses a new connection it has stopped listening, while the first Check still waits.
    const late = aClient(server.address)
    let refused = false
    while (!refused) {
      await ask(late, aCheckRequest(), {}, (call) => setTimeout(() => call.cancel(), 1_000).unref()).catch(
        (error: { code: status }) => {
          refused = error.code === status.UNAVAILABLE
        },
      )
    }
    decided.resolve(anAllow())
    expect(summarise(await inFlight)).toMatchObject({ allowed: true })
    await drained
  })

  it('ends although a client that never reads again keeps its connection', async () => {
    const began = Promise.withResolvers<void>()
    const server = await aServer({ checkTimeoutMs: 100 }, () => {
      began.resolve()
      return new Promise<never>(() => {})
    })
    const client = aClient(server.address)
    const hanging = aHealthClient(server.address).watch({ service: '' })
    hanging.on('error', () => {})
    hanging.pause()
    const asked = ask(client, aCheckRequest())
    await began.promise
    await server.drain()
    expect(summarise(await asked)).toMatchObject({ reason: 'deadline_exceeded' })
  })

  it('asked for twice is one', async () => {
    const server = await aServer()
    expect(server.drain()).toBe(server.drain())
    await server.drain()
  })
})

it('a successor takes over the socket file, and its predecessor leaves without taking it along', async () => {
  const listen = `unix:${join(await aDirectory(), 'latchkey.sock')}`
  const answering = (name: string) => async () => deny('invalid_key', name)
  const old = await aServer({ listen }, answering('old'))
  const before = aClient(listen)
  const answer = async (client = aClient(listen)) =>
    JSON.parse(summarise(await ask(client, aCheckRequest())).body)
  expect(await answer(before)).toMatchObject({ error: { message: 'old' } })

  await aServer({ listen }, answering('new'))
  expect(await answer(before)).toMatchObject({ error: { message: 'old' } })
  expect(await answer()).toMatchObject({ error: { message: 'new' } })

  await old.drain()
  expect(await answer()).toMatchObject({ error: { message: 'new' } })
  expect(await answer(before)).toMatchObject({ error: { message: 'new' } })
})

// grpc-node #2872: after a burst of resets Node's default guard closes the connection that everybody shares.
it('3,000 Checks that their callers cancel fail no innocent one on the same connection', async () => {
  const [cancelled, innocent] = ['/cancelled', '/innocent']
  const seen = { cancelled: 0 }
  const all = Promise.withResolvers<void>()
  const { address } = await aServer({}, async (request) => {
    if (request?.path === innocent) return anAllow()
    seen.cancelled += 1
    if (seen.cancelled === 3_000) all.resolve()
    return new Promise<never>(() => {})
  })
  const client = aClient(address)
  const failures = Array.from({ length: 3_000 }, () =>
    ask(
      client,
      aCheckRequest({ path: cancelled }),
      {},
      (call) => void all.promise.then(() => call.cancel()),
    ).catch((error: { code: status }) => error.code),
  )
  await all.promise
  const innocents = await Promise.all(
    Array.from({ length: 300 }, () => ask(client, aCheckRequest({ path: innocent })).then(summarise)),
  )
  expect(innocents.filter(({ allowed }) => !allowed)).toEqual([])
  expect(new Set(await Promise.all(failures))).toEqual(new Set([status.CANCELLED]))
  expect(summarise(await ask(client, aCheckRequest({ path: innocent })))).toMatchObject({ allowed: true })
})
