// Mistakes in an Envoy bootstrap, each planted in the one that ships, and what the doctor says of it.
import { globSync, readFileSync } from 'node:fs'
import { describe, expect, it, vi } from 'vitest'
import { parse } from 'yaml'
import { endpointsOf, envoyFacts } from '../../src/doctor/envoy/envoy-facts.ts'
import { createAuthority, createCertificate } from '../support/certificates.ts'
import type { DoctorRig } from '../support/doctor-rig.ts'
import { aDoctorRig } from '../support/doctor-rig.ts'

const SIDECAR = readFileSync('envoy/sidecar.yaml', 'utf8')
const TWO = readFileSync('envoy/two-sidecars.yaml', 'utf8')
const LISTEN = 'unix:/run/latchkey/latchkey.sock'

/** [the mistake, what is written instead of what, what the doctor says] */
type Mistake = readonly [string, readonly [string | RegExp, string], RegExp]

const MISTAKES: readonly Mistake[] = [
  [
    'no ext_authz filter',
    [/- name: envoy\.filters\.http\.ext_authz[\s\S]*?(?=- name: envoy\.filters\.http\.router)/, ''],
    /^fault envoy_ext_authz: no listener .* nobody is asked for a key/,
  ],
  [
    'ext_authz after the router',
    [
      /(- name: envoy\.filters\.http\.ext_authz[\s\S]*?)(- name: envoy\.filters\.http\.router[\s\S]*?suppress_envoy_headers: true\n)/,
      '$2                  $1',
    ],
    /^fault envoy_ext_authz: ext_authz stands after the router in models/,
  ],
  [
    'ext_authz over HTTP',
    [
      'grpc_service:\n                        envoy_grpc',
      'http_service: {}\n                      x:\n                        envoy_grpc',
    ],
    /^fault envoy_ext_authz: .* asks by HTTP/,
  ],
  [
    'ext_authz disabled',
    [
      '- name: envoy.filters.http.ext_authz',
      '- name: envoy.filters.http.ext_authz\n                    disabled: true',
    ],
    /^warning envoy_ext_authz: .* disabled unless a route enables it/,
  ],
  [
    'ext_authz off on a route',
    [
      '- name: vllm\n',
      '- name: vllm\n                          typed_per_filter_config: { envoy.filters.http.ext_authz: { "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute, disabled: true } }\n',
    ],
    /^warning envoy_disabled_routes: nobody is asked for a key on models\/vllm of models/,
  ],
  [
    'open while Latchkey is away',
    ['failure_mode_allow: false', 'failure_mode_allow: true'],
    /^fault envoy_fail_open: .* lets everybody in/,
  ],
  [
    'an outage that looks like a bad key',
    ['status_on_error: { code: ServiceUnavailable }', ''],
    /^warning envoy_outage_status: clients of models see 403/,
  ],
  ['no time', ['timeout: 5s', 'x: 5s'], /^warning envoy_timeout: a Check of models has 200 ms/],
  [
    'little time for each try',
    ['max_interval: 0.5s', 'max_interval: 0.05s'],
    /^warning envoy_timeout: .* cuts each try of models after 50 ms/,
  ],
  [
    'longer than it is known again',
    ['timeout: 5s', 'timeout: 60s'],
    /^fault envoy_timeout: .* for 60000 ms, longer than .* raise retry_horizon/,
  ],
  [
    'no retries',
    [/retry_policy:[\s\S]*?(?=\s+# Nobody could be asked)/, ''],
    /^warning envoy_retries: .* restart of Latchkey fails/,
  ],
  ['headers joined', ['encode_raw_headers: true', ''], /^warning envoy_raw_headers: .* joined by commas/],
  [
    'our headers not admitted',
    ['x-latchkey-[a-z-]+|', ''],
    /^fault envoy_mutation_rules: .* do not admit x-latchkey-key-id, x-latchkey-owner, x-latchkey-model and \d+ more/,
  ],
  [
    'a credential not admitted',
    ['(x-(goog-)?)?api-key', '(x-)?api-key'],
    /^fault envoy_mutation_rules: .* do not admit x-goog-api-key/,
  ],
  [
    "rules beyond Envoy's own bound",
    [
      /re2\.max_program_size\.error_level: 1000([\s\S]*?)regex: /,
      'other: 1$1regex: x-guardrails|x-corporate-credential|',
    ],
    /^warning envoy_rule_size: allow_expression of models has a size of about 1\d\d, .* admits 100 does not start/,
  ],
  [
    'rules beyond a bound that was set',
    [
      /re2\.max_program_size\.error_level: 1000([\s\S]*?)regex: /,
      're2: { max_program_size: { error_level: 110 } }$1regex: x-guardrails|x-corporate-credential|',
    ],
    /^warning envoy_rule_size: .* admits 110 does not start/,
  ],
  [
    'rules that repeat',
    [/re2\.max_program_size\.error_level: 1000([\s\S]*?)regex: /, 'other: 1$1regex: x-[a-z0-9_.-]{1,20}|'],
    /^warning envoy_rule_size: allow_expression of models has a size of about 1[5-9]\d/,
  ],
  ['no body', [/with_request_body:\s+\{[^}]*\}/, ''], /^warning envoy_body: no body of models is sent along/],
  [
    'no cut bodies',
    [', allow_partial_message: true', ''],
    /^warning envoy_body: bodies of models over 1048576 bytes are 413/,
  ],
  ['bodies as text', [', pack_as_bytes: true', ''], /^warning envoy_body: .* not UTF-8/],
  [
    'more body than Latchkey takes',
    ['max_request_bytes: 1048576', 'max_request_bytes: 16777216'],
    /^fault envoy_body: Envoy sends up to 16777216 bytes .* takes 8388608/,
  ],
  [
    'a small buffer',
    ['per_connection_buffer_limit_bytes: 2097152', 'per_connection_buffer_limit_bytes: 65536'],
    /^warning envoy_body: Envoy itself answers 413 .* over 65536/,
  ],
  [
    'headers may be planted',
    ['prefix: x-latchkey-, ignore_case', 'prefix: x-other-, ignore_case'],
    /^warning envoy_planted_headers: .* plant x-latchkey-/,
  ],
  [
    'their twins may be planted',
    ['headers_with_underscores_action: REJECT_REQUEST', 'headers_with_underscores_action: ALLOW'],
    /^warning envoy_planted_headers: x_latchkey_guardrails/,
  ],
  [
    'clients choose ids',
    ['use_remote_address: true', ''],
    /^warning envoy_request_ids: .* choose x-request-id/,
  ],
  [
    'a route too early',
    ['clear_route_cache: true', ''],
    /^fault envoy_route_cache: .* set clear_route_cache: true/,
  ],
  [
    'no route before the answer',
    [
      /- name: no-route\s+match: \{ prefix: \/ \}/,
      '- name: no-route\n                          match: { path: /none }',
    ],
    /^fault envoy_catch_all: .* asks nobody about a request without a route/,
  ],
  [
    'no cluster',
    ['envoy_grpc: { cluster_name: latchkey }', 'envoy_grpc: { cluster_name: latchkeys }'],
    /^fault envoy_cluster: .* asks cluster latchkeys, which is not there/,
  ],
  [
    'no HTTP/2',
    ['http2_protocol_options: { max_outbound_control_frames: 100000 }', 'http_protocol_options: {}'],
    /^fault envoy_cluster: cluster latchkey speaks HTTP\/1\.1/,
  ],
  [
    'another socket',
    ['path: /run/latchkey/latchkey.sock', 'path: /run/latchkey/other.sock'],
    /^warning envoy_endpoint: Latchkey listens on unix:\/run\/latchkey\/latchkey\.sock, .*other\.sock/,
  ],
  [
    'TLS at one end',
    [
      '- name: latchkey\n      type: STATIC',
      '- name: latchkey\n      transport_socket: { name: tls }\n      type: STATIC',
    ],
    /^fault envoy_tls: cluster latchkey speaks TLS, and Latchkey does not/,
  ],
  [
    'three retries at a time',
    [', max_retries: 4096', ''],
    /^warning envoy_breakers: cluster latchkey retries 3 Checks/,
  ],
  [
    'few control frames',
    ['{ max_outbound_control_frames: 100000 }', '{}'],
    /^warning envoy_resets: 1000 Checks given up/,
  ],
  ['no YAML', ['admin:', 'admin: ['], /^fault envoy_file: .* cannot be read/],
  ['no listener', ['static_resources:', 'dynamic_resources:'], /^fault envoy_file: .* no static listener/],
]

const tlsFiles = async (rig: DoctorRig) => {
  const authority = createAuthority('authority')
  const certificate = createCertificate('latchkey', authority)
  return {
    tls_cert_file: await rig.file('cert.pem', certificate.certPem),
    tls_key_file: await rig.file('key.pem', certificate.keyPem),
    tls_client_ca_file: await rig.file('ca.pem', authority.certPem),
  }
}

const planted = (text: string, [what, instead]: Mistake[1]): string => {
  const changed = text.replace(what, instead)
  if (changed === text) throw new Error(`${String(what)} is not in the file`)
  return changed
}

describe('an Envoy bootstrap', () => {
  it.each(MISTAKES)('with a mistake (%s) is met with its words', async (_name, change, words) => {
    const rig = await aDoctorRig()
    const envoyFile = await rig.file('envoy.yaml', planted(SIDECAR, change))
    // The socket may stand where the file says; whether it can is another check.
    const complaints = (await rig.complaints({ listen: LISTEN }, { envoyFile })).filter(isOfEnvoy)
    expect(complaints).toContainEqual(expect.stringMatching(words))
    // What follows from it may be said too, but not of half the file.
    expect(complaints.length).toBeLessThanOrEqual(2)
  })

  it.each([
    ['a bracket too many', `x-api-key: [sk-provider]]`, 'line 3 is not YAML'],
    ['a name twice', `admin: sk-provider`, 'line 3 is not YAML'],
    ['text after text', `x: "sk-provider" sk-provider`, 'line 3 is not YAML'],
    ['an alias of nothing', `x: *sk-provider`, 'it is nested too deeply, or an alias in it'],
    ['a tag of nobody', `x: !sk-provider y`, 'no static listener'],
  ])('that is no YAML (%s) is told by its line, without what stands there', async (_name, line, words) => {
    const rig = await aDoctorRig()
    const warned = vi.spyOn(process, 'emitWarning')
    const envoyFile = await rig.file('envoy.yaml', `# Envoy\nadmin: {}\n${line}\n`)
    const complaints = (await rig.complaints({ listen: LISTEN }, { envoyFile })).filter(isOfEnvoy)
    expect(complaints).toEqual([expect.stringContaining(words)])
    expect(complaints.join() + JSON.stringify(warned.mock.calls)).not.toContain('sk-provider')
    warned.mockRestore()
  })

  it.each<Mistake>([
    [
      'no health checks',
      [/health_checks:[\s\S]*?(?=common_lb_config)/, ''],
      /^warning envoy_health: .* no health check/,
    ],
    ['panic', ['healthy_panic_threshold: { value: 0 }', ''], /^warning envoy_health: .* Envoy panics/],
  ])('of two Latchkeys with a mistake (%s) is met with its words', async (_name, change, words) => {
    const rig = await aDoctorRig()
    const envoyFile = await rig.file('envoy.yaml', planted(TWO, change))
    const listen = 'unix:/run/latchkey/one.sock'
    expect((await rig.complaints({ listen }, { envoyFile })).filter(isOfEnvoy)).toEqual([
      expect.stringMatching(words),
    ])
  })

  it.each(globSync('envoy/*.yaml').toSorted())('%s, as it ships, has none', async (envoyFile) => {
    const rig = await aDoctorRig()
    const { clusters } = envoyFacts(parse(readFileSync(envoyFile, 'utf8')))
    const [endpoint = ''] = endpointsOf(clusters.get('latchkey'))
    const workers = endpoint.endsWith('.0')
      ? { workers: '2', database_url: 'mysql://nobody@127.0.0.1:1/none' }
      : {}
    const listen = endpoint.replace(/\.0$/, '')
    const tls = envoyFile.endsWith('mtls.yaml') ? await tlsFiles(rig) : {}
    expect((await rig.complaints({ listen, ...workers, ...tls }, { envoyFile })).filter(isOfEnvoy)).toEqual(
      [],
    )
  })

  it.each([
    ['the second guardrail header', { guardrail_header: 'x-guardrails' }, 'x-guardrails'],
    ['a header that carries keys', { credential_headers: 'x-api-key,x-virtual-key' }, 'x-virtual-key'],
  ])('that does not admit %s is met', async (_name, settings, header) => {
    const rig = await aDoctorRig()
    const envoyFile = 'envoy/sidecar.yaml'
    const complaints = await rig.complaints({ listen: LISTEN, ...settings }, { envoyFile })
    expect(complaints.filter(isOfEnvoy)).toEqual([
      expect.stringMatching(new RegExp(`^fault envoy_mutation_rules: .* do not admit ${header}:`)),
    ])
  })

  it('is read in the JSON of protobuf too', async () => {
    const rig = await aDoctorRig()
    const camel = (text: string) => text.replace(/(?<=^|_)[a-z]/g, (letter) => letter.toUpperCase())
    const json = JSON.stringify(parse(SIDECAR)).replace(
      /"([a-z0-9]+(?:_[a-z0-9]+)+)":/g,
      (_, name: string) => `"${name.charAt(0)}${camel(name).replaceAll('_', '').slice(1)}":`,
    )
    const envoyFile = await rig.file(
      'envoy.json',
      json.replace('"failureModeAllow":false', '"failureModeAllow":true'),
    )
    expect((await rig.complaints({ listen: LISTEN }, { envoyFile })).filter(isOfEnvoy)).toEqual([
      expect.stringMatching(/^fault envoy_fail_open/),
    ])
  })

  it.each([
    ['no bound is needed for the rules as they ship', /re2\.[\s\S]*?(?=overload_manager)/, 'other: 1\n\n'],
    [
      'a bound may be set where the file does not tell',
      /static_layer:[\s\S]*?(?=overload_manager)/,
      'disk_layer: { symlink_root: /srv/runtime }\n\n',
    ],
  ])('of whose rules nothing can be said is not complained of: %s', async (_name, what, instead) => {
    const rig = await aDoctorRig()
    const longer = what.source.startsWith('static')
      ? SIDECAR.replace('regex: ', 'regex: x-corporate-credential|')
      : SIDECAR
    const envoyFile = await rig.file('envoy.yaml', planted(longer, [what, instead]))
    expect((await rig.complaints({ listen: LISTEN }, { envoyFile })).filter(isOfEnvoy)).toEqual([])
  })

  it('with a second listener that asks nobody is warned of', async () => {
    const rig = await aDoctorRig()
    const envoyFile = await rig.file(
      'envoy.yaml',
      SIDECAR.replace(
        '  listeners:\n',
        `  listeners:
    - name: bare
      filter_chains:
        - filters:
            - typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
`,
      ),
    )
    expect((await rig.complaints({ listen: LISTEN }, { envoyFile })).filter(isOfEnvoy)).toEqual([
      expect.stringMatching(/^warning envoy_file: listener bare asks nobody/),
    ])
  })
})

const isOfEnvoy = (complaint: string): boolean => / envoy_/.test(complaint)
