// Calls by the lane: for who may reach a socket file, or the loopback.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { ListenAddress } from '../kernel/listen-address.ts'
import { createLane } from './lane/lane.ts'
import { laneMethods } from './lane-methods.ts'
import type { Answering, Transport } from './transport.ts'
import { HEAD_ROOM_BYTES } from './transport.ts'

type Options = Readonly<{
  maxBodyBytes: number
  maxConnectionAgeMs: number | undefined
  checkTimeoutMs: number
}>

export const createLaneTransport = (
  address: ListenAddress,
  { maxBodyBytes, maxConnectionAgeMs: ageMs, checkTimeoutMs: graceMs }: Options,
  { answerCheck, health, clock, log }: Answering,
): Transport => {
  const { server, drain } = createLane({
    methods: laneMethods(answerCheck, health),
    maxMessageBytes: maxBodyBytes + HEAD_ROOM_BYTES,
    monotonicMs: clock.monotonicMs,
    // A socket file leads nowhere else; no Check takes longer than its timeout.
    maxAge: address.kind === 'unix' || ageMs === undefined ? undefined : { ageMs, graceMs },
    broken: (why) => log.warn({ why }, 'a connection of Envoy was ended'),
  })
  return {
    async listenUnix(path) {
      server.listen({ path })
      await once(server, 'listening')
    },
    async listenTcp(host, port) {
      server.listen({ host, port })
      await once(server, 'listening')
      return (server.address() as AddressInfo).port
    },
    drain,
  }
}
