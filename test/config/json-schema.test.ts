// The published schema of the YAML file: current, valid by itself, and never stricter than the program that reads the file.
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import { z } from 'zod'
import { settingsJsonSchema } from '../../src/config/json-schema.ts'
import { defaultTextOf, settingsSchema } from '../../src/config/settings.ts'
import { SECRET_FILES, SETTING_NAMES } from '../../src/config/sources.ts'
import { loadConfig } from '../../src/config.ts'
import { aDirectory } from '../support/closing.ts'
import { runInside } from '../support/command-inside.ts'

const published: unknown = JSON.parse(readFileSync('docs/latchkey.schema.json', 'utf8'))

/** Somebody else's reading of JSON Schema, which knows all that is used but `not`. */
const admits = (document: unknown): boolean => {
  const { allOf, ...rest } = published as Readonly<{ allOf: readonly Excluded[] }>
  const isObject = typeof document === 'object' && document !== null && !Array.isArray(document)
  const matches = ({ type, required }: Excluded['not']) =>
    isObject ? required.every((name) => Object.hasOwn(document, name)) : type !== 'object'
  return z.fromJSONSchema(rest).safeParse(document).success && allOf.every(({ not }) => !matches(not))
}

type Excluded = Readonly<{ not: Readonly<{ type?: string; required: readonly string[] }> }>

const isRead = async (document: unknown): Promise<boolean> => {
  const path = join(await aDirectory(), 'latchkey.yaml')
  await writeFile(path, stringify(document))
  try {
    loadConfig({ config: path }, {})
    return true
  } catch {
    return false
  }
}

describe('the published schema', () => {
  it('is current (npm run docs writes it) and what latchkey config schema prints', async () => {
    expect(published).toEqual(settingsJsonSchema())
    expect(JSON.parse((await runInside(['config', 'schema'])).stdout)).toEqual(published)
  })

  it('knows every setting, its default and its meaning, and says something of its form', () => {
    const { properties } = published as { properties: Record<string, Record<string, unknown>> }
    expect(Object.keys(properties).toSorted()).toEqual(
      [...SETTING_NAMES, ...SECRET_FILES.map(({ file }) => file)].toSorted(),
    )
    for (const name of SETTING_NAMES) {
      const { description, default: usual, ...form } = properties[name] ?? {}
      expect(description).toContain(settingsSchema.shape[name].description)
      expect(usual === undefined ? undefined : JSON.stringify(usual).replaceAll('"', '')).toBe(
        defaultTextOf(name),
      )
      expect({ name, says: Object.keys(form).length > 0 }).toEqual({ name, says: true })
    }
  })

  it('is a schema that others read: a wrong form, an unknown field and a secret given twice are flagged', () => {
    expect(admits({})).toBe(true)
    expect(admits(null)).toBe(true)
    expect(
      admits(
        Object.fromEntries(
          SETTING_NAMES.flatMap((name) => {
            const usual = defaultTextOf(name)
            return usual === undefined ? [] : [[name, usual]]
          }),
        ),
      ),
    ).toBe(true)
    for (const wrong of [
      [],
      { check_timeouts: '1s' },
      { check_timeout: 5 },
      { check_timeout: 'soon' },
      { workers: 65 },
      { workers: 1.5 },
      { transport: 'h2' },
      { socket_mode: 660 },
      { credential_headers: [] },
      { credential_headers: ['a', 'a'] },
      { credential_headers: ['a b'] },
      { key_formats: [{ prefix: 'lk_', length: 39 }] },
      { soft_limit: '100%' },
      { log_allow_sample_rate: 2 },
      { database_url: 'postgres://x' },
      { database_url: 'sqlite:x', database_url_file: '/x' },
    ])
      expect({ wrong, admitted: admits(wrong) }).toEqual({ wrong, admitted: false })
  })

  it.each([
    'workers: 2\ndatabase_url: mysql://x/y\nlisten: unix:/x',
    'workers: "2"\ndatabase_url: mysql://x/y\nlisten: unix:/x',
    'credential_headers: [Authorization, x-key]',
    'credential_headers: authorization,x-key',
    'key_formats: [lk_:39:crc32, { prefix: sk-, length: 51, checksum: none }]',
    'soft_limit: off\nmax_connection_age: off\nunknown_keys_per_source: off',
    'unknown_keys_per_source: 5\nlog_allow_sample_rate: 0.5',
    'socket_mode: "660"\nlisten: unix:/x',
    'tls_client_names: spiffe://a/b\ntls_cert_file: a\ntls_key_file: b\ntls_client_ca_file: c\nlisten: 0.0.0.0:1',
  ])('admits what is read: %s', async (text) => {
    const document: unknown = parse(text)
    expect([await isRead(document), admits(document)]).toEqual([true, true])
  })
})
