import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Flags } from '../src/config/read-settings.ts'
import { environmentName, flagName, SETTING_NAMES } from '../src/config/sources.ts'
import { loadConfig } from '../src/config.ts'
import { Rejection } from '../src/kernel/failure.ts'
import { DEFAULT_SECRET_FORMATS } from '../src/keys/secret.ts'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'latchkey-config-'))
})
afterAll(() => rm(directory, { recursive: true }))

const file = async (name: string, content: string): Promise<string> => {
  await writeFile(join(directory, name), content)
  return join(directory, name)
}

const faultsOf = (flags: Flags, environment: Record<string, string>): string => {
  try {
    loadConfig(flags, environment)
  } catch (error) {
    if (error instanceof Rejection && error.code === 'invalid') return error.message
    throw error
  }
  throw new Error('no fault was found')
}

describe('where a setting comes from', () => {
  test('flag over environment over YAML over default, setting by setting', async () => {
    const yaml = await file('a.yaml', 'check_timeout: 1s\ndrain_delay: 2s\nmax_body: 1MiB\n')
    const config = loadConfig(
      { config: yaml, check_timeout: '3s' },
      { LATCHKEY_CHECK_TIMEOUT: '4s', LATCHKEY_DRAIN_DELAY: '5s' },
    )
    expect(config).toMatchObject({
      checkTimeoutMs: 3_000,
      drainDelayMs: 5_000,
      maxBodyBytes: 1_048_576,
      retryHorizonMs: 30_000,
    })
  })

  test('the YAML file is named by the flag before the variable', async () => {
    const [one, other] = [
      await file('one.yaml', 'log_level: warn'),
      await file('other.yaml', 'log_level: error'),
    ]
    expect(loadConfig({}, { LATCHKEY_CONFIG: one }).log.level).toBe('warn')
    expect(loadConfig({ config: other }, { LATCHKEY_CONFIG: one }).log.level).toBe('error')
  })

  test('the URL of the database may stand in a file, whose layer decides as if it held the URL', async () => {
    const secret = await file('url', 'mysql://latchkey:pw@db/latchkey\n')
    expect(loadConfig({}, { DATABASE_URL_FILE: secret }).databaseUrl).toBe('mysql://latchkey:pw@db/latchkey')
    expect(loadConfig({ database_url: 'sqlite:x' }, { DATABASE_URL_FILE: secret }).databaseUrl).toBe(
      'sqlite:x',
    )
    expect(loadConfig({ database_url_file: secret }, { DATABASE_URL: 'sqlite:x' }).databaseUrl).toMatch(
      /^mysql:/,
    )
    expect(faultsOf({}, { DATABASE_URL: 'sqlite:x', DATABASE_URL_FILE: secret })).toMatch(
      /DATABASE_URL_FILE: give database_url or the file that holds it, not both/,
    )
    expect(faultsOf({}, { DATABASE_URL_FILE: join(directory, 'absent') })).toMatch(
      /absent cannot be read \(ENOENT\)/,
    )
  })

  test('variables that Kubernetes sets for a Service named latchkey are not settings', () => {
    const links = {
      LATCHKEY_SERVICE_HOST: '10.0.0.1',
      LATCHKEY_SERVICE_PORT: '9191',
      LATCHKEY_SERVICE_PORT_GRPC: '9191',
      LATCHKEY_PORT: 'tcp://10.0.0.1:9191',
      LATCHKEY_PORT_9191_TCP: 'tcp://10.0.0.1:9191',
      LATCHKEY_PORT_9191_TCP_ADDR: '10.0.0.1',
      LATCHKEY_ADMIN_SERVICE_HOST: '10.0.0.2',
    }
    expect(loadConfig({}, links).listen).toBe('127.0.0.1:9191')
  })

  test('every setting has a variable of its own that is not taken for one of Kubernetes', async () => {
    for (const name of SETTING_NAMES) {
      expect(faultsOf({}, { [environmentName(name)]: '\0' })).toContain(`${environmentName(name)}: `)
      expect(faultsOf({ [name]: '\0' }, {})).toContain(`${flagName(name)}: `)
      const yaml = await file('each.yaml', `# first line\n${name}: {}\n`)
      expect(faultsOf({ config: yaml }, {})).toContain(`each.yaml:2: ${name}: `)
    }
  })
})

describe('faults', () => {
  test('all of them are told at once, each with its flag, variable or line', async () => {
    const yaml = await file(
      'bad.yaml',
      ['listen: nowhere', 'chek_timeout: 1s', 'socket_mode: 0660', 'key_formats: []', 'drain_delay:'].join(
        '\n',
      ),
    )
    const message = faultsOf(
      { config: yaml, max_body: '8 apples', log_level: 'loud' },
      { LATCHKEY_CHEK_TIMEOUT: '1s', LATCHKEY_CHECK_TIMEOUT: '10', LOG_FORMAT: '' },
    )
    const expected = [
      '  --log-level: "loud" is not one of trace, debug, info, warn, error, fatal, silent',
      '  --max-body: "8 apples" is not a size such as 64KiB or 8MiB, from 0B to 256MiB',
      expect.stringMatching(/bad\.yaml:1: listen: "nowhere" is not unix:\/PATH or HOST:PORT$/),
      expect.stringMatching(/bad\.yaml:2: chek_timeout: there is no such setting$/),
      expect.stringMatching(/bad\.yaml:3: socket_mode: 660 is not a file mode such as "0660" \(in quotes\)$/),
      expect.stringMatching(/bad\.yaml:4: key_formats: \[\] is not a list of key formats/),
      expect.stringMatching(/bad\.yaml:5: drain_delay: null is not a duration/),
      '  LATCHKEY_CHECK_TIMEOUT: "10" is not a duration such as 500ms, 10s or 5m, from 50ms to 5m',
      '  LATCHKEY_CHEK_TIMEOUT: there is no such setting',
      '  LOG_FORMAT: is empty; give it a value or unset it',
      'the configuration has 10 faults:',
    ]
    const lines = message.split('\n')
    expect(lines).toHaveLength(expected.length)
    expect(lines).toEqual(expect.arrayContaining(expected))
  })

  test('YAML that is broken, repeated, no map, tagged or absent is told with its line', async () => {
    const told = async (content: string) => faultsOf({ config: await file('broken.yaml', content) }, {})
    expect(await told('listen: [')).toMatch(/broken\.yaml:1: /)
    expect(await told('max_body: 1MiB\nmax_body: 2MiB\n')).toMatch(/broken\.yaml:2: Map keys must be unique/)
    expect(await told('- listen\n')).toMatch(/broken\.yaml:1: the configuration must be a map/)
    expect(await told('log_level: !secret info\n')).toMatch(/broken\.yaml:1: Unresolved tag/)
    expect(await told('log_level: info\n---\nlog_level: warn\n')).toMatch(/broken\.yaml:2: /)
    expect(faultsOf({ config: join(directory, 'absent.yaml') }, {})).toMatch(
      /absent\.yaml cannot be read \(ENOENT\)/,
    )
    expect(loadConfig({ config: await file('empty.yaml', '# nothing\n') }, {}).log.level).toBe('info')
  })

  test('a wrong database URL is never shown: it may hold a password', () => {
    const message = faultsOf({}, { DATABASE_URL: 'postgres://latchkey:hunter2@db/latchkey' })
    expect(message).toMatch(/DATABASE_URL: the value is not sqlite:PATH or mysql:/)
    expect(message).not.toContain('hunter2')
  })

  test('settings that contradict each other are refused', () => {
    expect(faultsOf({ tls_cert_file: '/c', listen: '0.0.0.0:9191' }, {})).toMatch(/belong together/)
    const tls = { tls_cert_file: '/c', tls_key_file: '/k', tls_client_ca_file: '/a' }
    expect(faultsOf({ ...tls, listen: 'unix:/run/s' }, {})).toMatch(/a socket file carries no TLS/)
    expect(faultsOf({ tls_client_names: 'envoy.example' }, {})).toMatch(
      /--tls-client-names: needs the three tls_… files/,
    )
    expect(faultsOf({ max_connection_age: '1h', listen: 'unix:/run/s' }, {})).toMatch(/is for TCP/)
    expect(faultsOf({ socket_group: 'envoy' }, {})).toMatch(/--socket-group: needs a socket file/)
    expect(faultsOf({ socket_mode: '0600' }, {})).toMatch(/--socket-mode: needs a socket file/)
    expect(faultsOf({ guardrail_header: 'X-My-Key', credential_headers: 'x-my-key' }, {})).toMatch(
      /--guardrail-header: x-my-key is one of credential_headers/,
    )
    expect(faultsOf({ guardrail_header: 'x-api-key' }, {})).toMatch(/--guardrail-header: x-api-key is one of/)
    expect(faultsOf({ guardrail_header: 'x-model', model_header: 'x-model' }, {})).toMatch(/is model_header/)
    for (const name of ['attestation_ttl', 'attestation_issuer', 'attestation_audience'])
      expect(faultsOf({ [name]: '60s' }, {})).toMatch(/: needs attestation_key_file/)
    expect(faultsOf({ check_timeout: '30s', retry_horizon: '30s' }, {})).toMatch(
      /retry_horizon must be longer/,
    )
  })
})

describe('forms', () => {
  test.each([
    ['listen', 'unix:relative.sock'],
    ['listen', '127.0.0.1'],
    ['health_listen', 'unix:/run/health.sock'],
    ['check_timeout', '0s'],
    ['check_timeout', '1h'],
    ['drain_delay', '-1s'],
    ['max_body', '1TiB'],
    ['max_body', '257MiB'],
    ['failure_answer', 'allow'],
    ['credential_headers', ''],
    ['credential_headers', 'authorization,Authorization'],
    ['credential_headers', 'x latchkey'],
    ['credential_headers', 'x-latchkey-key-id'],
    ['credential_headers', ':path'],
    ['model_header', 'x-latchkey-model'],
    ['guardrail_header', 'x-latchkey-guardrails'],
    ['guardrail_header', ':authority'],
    ['guardrail_header', 'host'],
    ['guardrail_header', 'authorization'],
    ['guardrail_header', 'x-envoy-retry-on'],
    ['guardrail_header', 'x_guardrails'],
    ['guardrail_header', 'x.guardrails'],
    ['attestation_ttl', '500ms'],
    ['attestation_issuer', 'a b'],
    ['attestation_audience', ''],
    ['key_formats', 'lk_:39'],
    ['key_formats', 'lk_:39:crc32:more'],
    ['key_formats', 'lk_:30:crc32'],
    ['key_formats', 'lk_:600:none'],
    ['key_formats', ':39:none'],
    ['cache_max_entries', '0'],
    ['cache_positive_ttl', '0s'],
    ['log_allow_sample_rate', '1.5'],
    ['log_allow_sample_rate', ''],
    ['socket_mode', '0999'],
    ['soft_limit', '0%'],
    ['soft_limit', '100%'],
    ['soft_limit', '80'],
    ['soft_limit', '7.5%'],
  ])('%s refuses %j', (name, value) => {
    expect(faultsOf({ listen: 'unix:/run/s', [name]: value }, {})).toContain(
      `${flagName(name as 'listen')}: `,
    )
  })

  test('lists read the same from YAML and from text', async () => {
    const yaml = await file(
      'lists.yaml',
      [
        'credential_headers: [Authorization, x-api-key]',
        'key_formats:',
        '  - {prefix: lk_, length: 39, checksum: crc32}',
        '  - {prefix: sk-, length: 51, checksum: none}',
      ].join('\n'),
    )
    const fromText = loadConfig(
      { credential_headers: 'Authorization, x-api-key', key_formats: 'lk_:39:crc32,sk-:51:none' },
      {},
    )
    expect(loadConfig({ config: yaml }, {})).toEqual(fromText)
    expect(fromText).toMatchObject({
      credentialHeaders: ['authorization', 'x-api-key'],
      keyFormats: [
        { prefix: 'lk_', length: 39, checksum: 'crc32' },
        { prefix: 'sk-', length: 51, checksum: 'none' },
      ],
    })
  })

  test('a field of a key format that nobody knows is refused', async () => {
    const yaml = await file(
      'formats.yaml',
      'key_formats:\n  - {prefix: lk_, length: 39, checksum: crc32, alphabet: hex}\n',
    )
    expect(faultsOf({ config: yaml }, {})).toMatch(/formats\.yaml:1: key_formats: /)
  })

  test('without a setting, secrets have the form that the code mints by itself', () => {
    expect(loadConfig({}, {}).keyFormats).toEqual(DEFAULT_SECRET_FORMATS)
  })

  test('the result cannot be changed', () => {
    const config = loadConfig({}, {})
    expect(Object.isFrozen(config)).toBe(true)
    expect(Object.isFrozen(config.cache)).toBe(true)
    expect(Object.isFrozen(config.keyFormats[0])).toBe(true)
  })

  test('the soft limit is a percentage or off, and 80 % unless told otherwise', async () => {
    const yaml = await file('soft.yaml', 'soft_limit: off\n')
    expect(loadConfig({}, {}).softLimitPercent).toBe(80)
    expect(loadConfig({ soft_limit: '1%' }, {}).softLimitPercent).toBe(1)
    expect(loadConfig({}, { LATCHKEY_SOFT_LIMIT: '99%' }).softLimitPercent).toBe(99)
    expect(loadConfig({ config: yaml }, {}).softLimitPercent).toBeUndefined()
  })

  test('health can be switched off, and OpenTelemetry keeps its own variables', () => {
    const config = loadConfig({ health_listen: 'off' }, { OTEL_SERVICE_NAME: 'edge', HOME: '/home/x' })
    expect(config.healthListen).toBeUndefined()
    expect(config.otelEnvironment).toEqual({ OTEL_SERVICE_NAME: 'edge' })
  })
})
