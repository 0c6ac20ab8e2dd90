// Several processes of one `latchkey serve`: each answers at its own address, together they are one server to its operator.
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { JSONWebKeySet } from 'jose'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import { createClock } from '../../src/kernel/clock.ts'
import type { Store } from '../../src/store/store.ts'
import { openStore } from '../../src/store/store.ts'
import { aKeyIn, mintSecret } from '../support/app-rig.ts'
import { aSigningKey, pemOf } from '../support/attestations.ts'
import { createCheckClient, summarise } from '../support/check-client.ts'
import { aCheckRequest } from '../support/check-requests.ts'
import { aDirectory, onClose } from '../support/closing.ts'
import { recordFigure } from '../support/figures.ts'
import { runLatchkey } from '../support/latchkey-command.ts'
import { freshDatabase } from '../support/mariadb.ts'
import { samplesOf, sumIn } from '../support/metrics-page.ts'
import { until } from '../support/until.ts'
import type { Workers } from '../support/workers-rig.ts'
import { isAlive, startWorkers, usedOf } from '../support/workers-rig.ts'

type Rig = Workers & Readonly<{ store: Store; directory: string; databaseUrl: string }>

type Closing = typeof onClose

const aStore = async (closing: Closing = onClose): Promise<{ store: Store; databaseUrl: string }> => {
  const databaseUrl = await freshDatabase()
  const store = await openStore({ url: databaseUrl, clock: createClock() })
  closing(() => store.close())
  await store.migrate()
  return { store, databaseUrl }
}

/** All of them serve. */
const serve = async (
  directory: string,
  env: Readonly<Record<string, string>> = {},
  closing: Closing = onClose,
): Promise<Rig> => {
  const opened = await aStore(closing)
  const workers = startWorkers({ directory, databaseUrl: opened.databaseUrl, env })
  closing(workers.close)
  await workers.untilServing(2)
  // The log is ahead of the supervisor.
  if (env['LATCHKEY_HEALTH_LISTEN'] !== 'off')
    await until(async () => isDeepStrictEqual(await readiness(workers), READY))
  return { ...workers, ...opened, directory }
}

const ask = async (address: string, secret = mintSecret()): Promise<string> => {
  const client = createCheckClient(address)
  try {
    return summarise(await client.check(aCheckRequest({ headers: [['x-api-key', secret]] }))).reason
  } finally {
    client.close()
  }
}

const readiness = async ({ health }: Workers): Promise<unknown> => {
  const response = await health('/readyz').catch(() => undefined)
  return response === undefined ? 'nobody there' : [response.status, await response.json()]
}

const READY = [
  200,
  {
    status: 'ready',
    components: {
      store: { ok: true, essential: false },
      serving: { ok: true },
      workers: { ok: true },
    },
  },
]

const counted = async ({ health }: Workers, name: string, labels = {}): Promise<number> =>
  sumIn(samplesOf(await (await health('/metrics')).text()), name, labels)

const lastPid = (workers: Workers, worker: number): number => workers.pidsOf(worker).at(-1) ?? 0

describe('two workers, asked one after the other', () => {
  const closers: (() => unknown)[] = []
  let rig: Rig
  beforeAll(async () => {
    const directory = await mkdtemp(join(tmpdir(), 'latchkey-workers-'))
    closers.push(() => rm(directory, { recursive: true }))
    rig = await serve(directory, { LATCHKEY_DRAIN_DELAY: '2s' }, (close) => closers.push(close))
  })
  afterAll(async () => {
    for (let close = closers.pop(); close !== undefined; close = closers.pop()) await close()
  })

  test('each worker answers at its own path, and a limit is exact over both', async () => {
    const limits = [{ unit: 'requests', period: 'total', zone: 'UTC', amount: 25 }] as const
    const { id, secret } = await aKeyIn(rig.store, { limits })
    const reasons = await Promise.all(
      Array.from({ length: 60 }, (_, nth) => ask(rig.addressOf(nth % 2), secret)),
    )
    expect(reasons.filter((reason) => reason === 'allow')).toHaveLength(25)
    expect(reasons.filter((reason) => reason === 'quota_exhausted')).toHaveLength(35)
    expect(await usedOf(rig.store, id)).toBe(25)
    expect(rig.log.filter(({ msg }) => msg === 'serving').map(({ worker }) => worker)).toEqual([0, 1])
  })

  test('a worker that does not answer is left out, told of, and makes it not ready', async () => {
    await ask(rig.addressOf(1))
    const before = await counted(rig, 'latchkey_checks_total')
    const pid = lastPid(rig, 1)
    process.kill(pid, 'SIGSTOP')
    expect(await readiness(rig)).toMatchObject([
      503,
      { components: { workers: { ok: false, detail: 'worker 1 does not answer' } } },
    ])
    expect(await counted(rig, 'latchkey_workers', { state: 'silent' })).toBe(1)
    expect(await counted(rig, 'latchkey_checks_total')).toBe(before)
    process.kill(pid, 'SIGCONT')
    await expect.poll(() => readiness(rig), { timeout: 20_000 }).toEqual(READY)
  })

  test('a worker that is killed is replaced, the first one too, and no count of the metrics falls', async () => {
    const duration = 'latchkey_check_duration_seconds_count'
    const before = await counted(rig, 'latchkey_checks_total')
    for (let each = 0; each < 3; each += 1) await ask(rig.addressOf(0))
    for (let each = 0; each < 4; each += 1) await ask(rig.addressOf(1))
    expect(await counted(rig, 'latchkey_checks_total')).toBe(before + 7)
    expect(await counted(rig, duration)).toBe(before + 7)
    expect(await counted(rig, 'latchkey_build_info')).toBe(1)
    expect(await counted(rig, 'latchkey_charge_form')).toBe(1)
    expect(await counted(rig, 'latchkey_workers', { state: 'serving' })).toBe(2)
    for (const worker of [1, 0]) {
      const pid = lastPid(rig, worker)
      process.kill(pid, 'SIGKILL')
      await rig.untilServing(worker === 1 ? 3 : 4)
      expect(lastPid(rig, worker)).not.toBe(pid)
      expect(await ask(rig.addressOf(worker))).toBe('invalid_key')
      await expect.poll(() => readiness(rig), { timeout: 20_000 }).toEqual(READY)
      expect(await counted(rig, 'latchkey_checks_total')).toBe(before + (worker === 1 ? 8 : 9))
    }
    expect(await counted(rig, duration)).toBe(before + 9)
    expect(rig.log.filter(({ msg }) => msg === 'worker ended')).toMatchObject([
      { worker: 1, signal: 'SIGKILL' },
      { worker: 0, signal: 'SIGKILL' },
    ])
  })

  test('told to stop, every worker drains, and the exit code is 0', async () => {
    rig.kill('SIGTERM')
    await expect
      .poll(() => readiness(rig), { timeout: 20_000, interval: 5 })
      .toMatchObject([503, { components: { serving: { ok: false } } }])
    expect(await rig.ended).toBe(0)
    expect(rig.errors).toEqual([])
    for (const worker of [0, 1]) expect(isAlive(lastPid(rig, worker))).toBe(false)
  })
})

test('what any worker attests is verified by what the first one publishes', async () => {
  const directory = await aDirectory()
  const keyFile = join(directory, 'attestation.pem')
  writeFileSync(keyFile, pemOf(aSigningKey()))
  const rig = await serve(directory, { LATCHKEY_ATTESTATION_KEY_FILE: keyFile })
  const { id, secret } = await aKeyIn(rig.store)
  const jwks = (await (await rig.health('/.well-known/jwks.json')).json()) as JSONWebKeySet
  for (const worker of [0, 1]) {
    const client = createCheckClient(rig.addressOf(worker))
    const { httpResponse } = await client.check(aCheckRequest({ headers: [['x-api-key', secret]] }))
    client.close()
    const headers = httpResponse?.$case === 'okResponse' ? httpResponse.value.headers : []
    const token = headers.find(({ header }) => header?.key === 'x-latchkey-attestation')?.header?.value
    const { payload } = await jwtVerify(token ?? '', createLocalJWKSet(jwks))
    expect(payload.sub).toBe(id)
  }
})

test.runIf(process.env['LATCHKEY_PROVE'] === '1')(
  'a worker that dies again and again ends all of them, with a sentence',
  async () => {
    const rig = await serve(await aDirectory())
    for (let death = 1; death <= 5; death += 1) {
      process.kill(lastPid(rig, 1), 'SIGKILL')
      if (death < 5) await rig.untilServing(2 + death)
    }
    expect(await rig.ended).toBe(1)
    expect(rig.errors).toEqual(['latchkey: worker 1 ended 5 times within a minute, the last time by SIGKILL'])
    expect(isAlive(lastPid(rig, 0))).toBe(false)
  },
)

test('with a port each worker answers at one of its own; a second signal ends all at once', async () => {
  const port = await firstOfTwoPorts()
  const rig = await serve(await aDirectory(), {
    LATCHKEY_LISTEN: `127.0.0.1:${port}`,
    LATCHKEY_DRAIN_DELAY: '1h',
  })
  const addresses = rig.log.filter(({ msg }) => msg === 'serving').map(({ address }) => address)
  expect(addresses).toEqual([`127.0.0.1:${port}`, `127.0.0.1:${port + 1}`])
  for (const address of addresses) expect(await ask(String(address))).toBe('invalid_key')
  rig.kill('SIGTERM')
  await expect.poll(() => readiness(rig), { timeout: 20_000 }).toMatchObject([503, {}])
  rig.kill('SIGTERM')
  expect(await rig.ended).toBe(1)
  for (const worker of [0, 1]) await until(() => !isAlive(lastPid(rig, worker)))
})

test('a signal while they start ends all of them in good order', async () => {
  const directory = await aDirectory()
  const { databaseUrl } = await aStore()
  const workers = startWorkers({ directory, databaseUrl })
  onClose(workers.close)
  await until(() => workers.pidsOf(0).length === 1)
  workers.kill('SIGINT')
  expect(await workers.ended).toBe(0)
  expect(workers.errors).toEqual([])
})

test.each([
  [{ database_url: 'sqlite:here.db' }, /one process has an SQLite store at a time/],
  [{ listen: '127.0.0.1:0' }, /stand on ports that follow each other/],
  [{ listen: '127.0.0.1:65535' }, /there is no port 65536/],
  [{ listen: '127.0.0.1:9192' }, /take the ports 9192 to 9193/],
] as const)('two workers cannot be with %j', (settings, words) => {
  const fitting = { database_url: 'mysql://a@b/c', listen: '127.0.0.1:9191' }
  const load = (more: object) => loadConfig({ workers: '2', ...fitting, ...more }, {})
  expect(load({}).workers).toBe(2)
  expect(() => load(settings)).toThrow(words)
  expect(loadConfig({ ...fitting, ...settings }, {}).workers).toBe(1)
})

const NO_START = [
  [{ DATABASE_URL: 'sqlite:here.db' }, 64, /LATCHKEY_WORKERS: one process has an SQLite store at a time/],
  [{ LATCHKEY_SOCKET_GROUP: 'no-such-group' }, 64, /there is no group/],
  [{ LATCHKEY_LISTEN: 'unix:/dev/null/s' }, 1, /cannot put a socket at/],
  [{ DATABASE_URL: 'mysql://nobody@127.0.0.1:1/x' }, 69, /./],
] as const

test('one that cannot start ends all with its exit code, which is told once', async () => {
  const { databaseUrl } = await aStore()
  const ranWith = async (env: Readonly<Record<string, string>>) => {
    const directory = await aDirectory()
    const listen = `unix:${join(directory, 's')}`
    const usual = {
      DATABASE_URL: databaseUrl,
      LATCHKEY_WORKERS: '2',
      LATCHKEY_LISTEN: listen,
      // One of its own: the usual port may be held by a neighbour, which would be another reason not to start.
      LATCHKEY_HEALTH_LISTEN: '127.0.0.1:0',
    }
    return runLatchkey(['serve'], { directory, env: { ...usual, ...env } })
  }
  const ran = await Promise.all(NO_START.map(([env]) => ranWith(env)))
  const told = ran.map(({ code, stderr }) => ({ code, stderr }))
  expect(told).toEqual(NO_START.map(([, code, words]) => ({ code, stderr: expect.stringMatching(words) })))
  for (const { stdout, stderr } of ran) {
    expect(stdout).not.toMatch(/"serving"/)
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
  }
})

test('nobody but a supervisor starts a worker', async () => {
  const { code, stderr } = await runLatchkey(['serve', '--worker', '0'], { directory: await aDirectory() })
  expect([code, stderr]).toEqual([64, expect.stringMatching(/--worker is for processes that latchkey serve/)])
})

test('a successor takes over each socket; its supervisor loads neither store nor server, and its workers end when it is killed', async () => {
  const directory = await aDirectory()
  const hook = join(directory, 'loaded.mjs')
  writeFileSync(
    hook,
    `import { appendFileSync } from 'node:fs'
    import { registerHooks } from 'node:module'
    registerHooks({ load(url, context, next) {
      appendFileSync(process.env.HOME + '/loaded.' + process.pid, url + '\\n')
      return next(url, context)
    } })`,
  )
  const env = { LATCHKEY_HEALTH_LISTEN: 'off' }
  const rig = await serve(directory, env)
  const workers = startWorkers({ ...rig, env: { ...env, NODE_OPTIONS: `--import=${hook}` } })
  onClose(workers.close)
  await workers.untilServing(2)
  rig.kill('SIGTERM')
  expect(await rig.ended).toBe(0)
  for (const worker of [0, 1]) expect(await ask(workers.addressOf(worker))).toBe('invalid_key')
  const loadedBy = (pid: number) => readFileSync(join(directory, `loaded.${pid}`), 'utf8').split('\n')
  const heavy = /\/src\/(app\.ts|app\/|grpc\/|store\/)|mysql2|kysely|grpc-js|opentelemetry/
  expect(loadedBy(workers.pid).filter((url) => heavy.test(url))).toEqual([])
  expect(loadedBy(lastPid(workers, 0)).some((url) => heavy.test(url))).toBe(true)
  const residentKiB = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${workers.pid}/status`, 'utf8'))?.[1]
  recordFigure({
    name: 'memory of the supervisor of two workers',
    value: Math.round(Number(residentKiB) / 1024),
    unit: 'MiB',
  })
  workers.kill('SIGKILL')
  await workers.ended
  for (const worker of [0, 1]) await until(() => !isAlive(lastPid(workers, worker)))
})

/** Below those that the system gives away by itself. */
const firstOfTwoPorts = async (): Promise<number> => {
  for (let port = 20_000 + (process.pid % 5_000) * 2; ; port += 2)
    if ((await isFree(port)) && (await isFree(port + 1))) return port
}

const isFree = async (port: number): Promise<boolean> => {
  const server = createServer().listen(port, '127.0.0.1')
  const listens = await once(server, 'listening').then(
    () => true,
    () => false,
  )
  server.close()
  return listens
}
