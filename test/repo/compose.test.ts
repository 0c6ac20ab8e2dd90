// The container files are held against the tree: every path, port, variable and image tag they name is real.
import { existsSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { TESTED_ENVOYS } from '../../src/cli/demo/envoy-versions.ts'
import { loadConfig } from '../../src/config.ts'
import { parseMysqlUrl } from '../../src/store/mysql/mysql-url.ts'
import type { Service } from '../support/deployment.ts'
import { readComposition, readDockerfile, readEnvoyFacts } from '../support/deployment.ts'

const packageJson = z
  .object({ version: z.string(), devDependencies: z.record(z.string(), z.string()) })
  .parse(JSON.parse(readFileSync('package.json', 'utf8')))
const docker = readDockerfile('Dockerfile')
const { services, volumes } = readComposition('docker-compose.yml')
const sidecar = readEnvoyFacts('envoy/sidecar.yaml')
const all = Object.entries(services)

const instructions = (name: string) => docker.filter((one) => one.name === name).map(({ rest }) => rest)
const serviceNamed = (name: string): Service => {
  const found = services[name]
  if (found === undefined) throw new Error(`docker-compose.yml has no service ${name}`)
  return found
}
const latchkey = serviceNamed('latchkey')
const config = loadConfig({}, latchkey.environment)
const database = parseMysqlUrl(config.databaseUrl)

describe('the Dockerfile', () => {
  it('builds and runs on the pinned Node', () => {
    for (const image of instructions('FROM'))
      expect(image).toMatch(new RegExp(`^node:${packageJson.devDependencies['node']}-[a-z-]+( AS build)?$`))
  })

  it('copies only what exists, or what its own build made', () => {
    const copies = instructions('COPY').map((rest) => rest.split(/\s+/))
    const made = ['/build/node_modules', '/build/dist']
    const missing = copies.flatMap((words) =>
      words[0] === '--from=build'
        ? words.slice(1, -1).filter((path) => !made.includes(path))
        : words.slice(0, -1).filter((path) => !existsSync(path)),
    )
    expect(missing).toEqual([])
  })

  it('copies everything that the package ships and the program reads', () => {
    const copied = instructions('COPY').flatMap((rest) => rest.split(/\s+/).slice(0, -1))
    expect(copied).toEqual(expect.arrayContaining(['bin', 'migrations', 'package.json', 'LICENSE']))
  })

  it('does not run as root, and its last user stays', () => {
    expect(instructions('USER')).toEqual(['node'])
  })

  it('sets only variables that exist, and exposes and asks the default ports', () => {
    const environment = Object.fromEntries(
      instructions('ENV').map((rest) => {
        const [name = '', value = ''] = rest.split('=')
        return [name, value]
      }),
    )
    const { listen, healthListen = '', databaseUrl } = loadConfig({}, environment)
    const ports = [listen, healthListen].map((address) => address.split(':').at(-1))
    expect(instructions('EXPOSE')).toEqual([ports.join(' ')])
    expect(instructions('HEALTHCHECK').join()).toContain(`http://127.0.0.1:${ports[1]}/readyz`)
    expect(instructions('VOLUME')).toEqual([dirname(databaseUrl.replace('sqlite:', ''))])
  })

  it('gives the socket directory to the group that the composition names', () => {
    expect(instructions('RUN').join()).toContain(
      `install -d -o node -g ${config.socket.group} -m 0750 /run/latchkey`,
    )
  })
})

describe('docker-compose.yml', () => {
  it('runs a tested Envoy, the newest', () => {
    expect(serviceNamed('envoy').image).toBe(`envoyproxy/envoy:v${TESTED_ENVOYS.at(-1)}`)
  })

  it('builds its own image from this tree, tagged with this version', () => {
    const own = all.filter(([, { build }]) => build !== undefined)
    expect(own.map(([name]) => name)).toEqual(['latchkey', 'migrate'])
    for (const [, { build, image }] of own) {
      expect(build).toBe('.')
      expect(image).toBe(`latchkey:${packageJson.version}`)
    }
  })

  it('pins every image', () => {
    for (const [, { image }] of all) expect(image).toMatch(/:v?\d+\.\d+\.\d+$/)
  })

  it('mounts files that exist and volumes that are declared', () => {
    const sources = all.flatMap(([, one]) => one.volumes.map((mount) => mount.split(':')[0] ?? ''))
    expect(sources.filter((path) => path.startsWith('.') && !existsSync(path))).toEqual([])
    const named = sources.filter((path) => !path.startsWith('.'))
    expect([...new Set(named)].sort()).toEqual(Object.keys(volumes).sort())
  })

  it('waits only for services that exist', () => {
    const awaited = all.flatMap(([, one]) => Object.keys(one.depends_on))
    expect(awaited.filter((name) => !(name in services))).toEqual([])
  })

  it('starts Envoy on the shipped configuration as it stands', () => {
    const { volumes: mounts, command = [] } = serviceNamed('envoy')
    const [source, target] = mounts.find((mount) => mount.startsWith('./envoy/'))?.split(':') ?? []
    expect(source).toBe('./envoy/sidecar.yaml')
    expect(command).toEqual(['envoy', '-c', target])
  })

  it('gives Envoy every variable that its configuration reads', () => {
    expect(Object.keys(serviceNamed('envoy').environment).sort()).toEqual(
      [...new Set(sidecar.environment)].sort(),
    )
  })

  it('publishes on loopback only, and only ports that somebody listens on', () => {
    const listening: Record<string, readonly number[]> = {
      envoy: sidecar.listenerPorts,
      latchkey: [Number(config.healthListen?.split(':').at(-1))],
      traces: [16686],
    }
    for (const [name, { ports }] of all)
      for (const port of ports) {
        expect(port).toMatch(/^127\.0\.0\.1:(\d+):\1$/)
        expect(listening[name]).toContain(Number(port.split(':').at(-1)))
      }
  })

  it('has Latchkey listen where Envoy asks, on a volume that both have', () => {
    const path = config.listen.replace('unix:', '')
    expect(sidecar.socketPaths).toEqual([path])
    const mount = `socket:${dirname(path)}`
    for (const name of ['envoy', 'latchkey']) expect(serviceNamed(name).volumes).toContain(mount)
    expect(latchkey.group_add).toEqual([config.socket.group])
  })

  it('has one and the same settings for serving and for migrating', () => {
    expect(serviceNamed('migrate').environment).toEqual(latchkey.environment)
  })

  it('points Latchkey at the database that MySQL makes', () => {
    const { MYSQL_DATABASE, MYSQL_USER, MYSQL_PASSWORD } = serviceNamed('mysql').environment
    expect(services).toHaveProperty(database.host)
    expect(database).toMatchObject({
      port: 3306,
      database: MYSQL_DATABASE,
      user: MYSQL_USER,
      password: MYSQL_PASSWORD,
    })
  })

  it('sends the spans of Envoy and of Latchkey to the trace viewer', () => {
    const aliases = serviceNamed('traces').networks?.['default']?.aliases ?? []
    const collector = new URL(config.otelEnvironment['OTEL_EXPORTER_OTLP_ENDPOINT'] ?? '')
    expect(aliases).toContain(collector.hostname)
    expect(sidecar.peers).toContain(collector.host)
  })
})
