// Reads the deployment files as data: the Dockerfile's instructions, the composition, and what an Envoy configuration names.
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { z } from 'zod'

export type Instruction = Readonly<{ name: string; rest: string }>

/** Continued lines are joined, comments dropped. */
export const readDockerfile = (path: string): readonly Instruction[] =>
  readFileSync(path, 'utf8')
    .replace(/^\s*#.*\n/gm, '')
    .replace(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [name = '', ...rest] = line.split(' ')
      return { name, rest: rest.join(' ').trim() }
    })

const service = z.strictObject({
  image: z.string(),
  build: z.string().optional(),
  command: z.array(z.string()).optional(),
  environment: z.record(z.string(), z.string()).default({}),
  volumes: z.array(z.string()).default([]),
  ports: z.array(z.string()).default([]),
  group_add: z.array(z.string()).default([]),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
  healthcheck: z
    .object({ test: z.array(z.string()) })
    .loose()
    .optional(),
  networks: z.record(z.string(), z.object({ aliases: z.array(z.string()) })).optional(),
  stop_grace_period: z.string().optional(),
  restart: z.string().optional(),
})

const composition = z.strictObject({
  name: z.string(),
  services: z.record(z.string(), service),
  volumes: z.record(z.string(), z.null()),
})

export type Service = z.output<typeof service>

/** Variables of the shell that runs it have their default, as on a machine where nobody set one. */
export const readComposition = (path: string): z.output<typeof composition> =>
  composition.parse(parse(readFileSync(path, 'utf8').replace(/\$\{\w+:-([^}]*)\}/g, '$1'), { merge: true }))

export type EnvoyFacts = Readonly<{
  listenerPorts: readonly number[]
  socketPaths: readonly string[]
  /** `host:port` of every address that is no address of a listener. */
  peers: readonly string[]
  environment: readonly string[]
}>

const envoyConfig = z.looseObject({
  static_resources: z.looseObject({
    listeners: z.array(
      z.looseObject({ address: z.object({ socket_address: z.looseObject({ port_value: z.number() }) }) }),
    ),
  }),
})

export const readEnvoyFacts = (path: string): EnvoyFacts => {
  const text = readFileSync(path, 'utf8')
  const { static_resources } = envoyConfig.parse(parse(text))
  const all = (pattern: RegExp) => [...text.replace(/#.*$/gm, '').matchAll(pattern)]
  return {
    listenerPorts: static_resources.listeners.map(({ address }) => address.socket_address.port_value),
    socketPaths: all(/pipe: \{ path: ([^ }]+)/g).map(([, found = '']) => found),
    peers: all(/endpoint: \{ address: \{ socket_address: \{ address: ([^,]+), port_value: (\d+)/g).map(
      ([, host, port]) => `${host}:${port}`,
    ),
    environment: all(/%ENVIRONMENT\((\w+)\)%/g).map(([, name = '']) => name),
  }
}
