// Whatever the manual shows of a file is one: settings are settings, and every name exists.
import { globSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { settingsSchema } from '../../src/config/settings.ts'
import { environmentName, SETTING_NAMES } from '../../src/config/sources.ts'
import { loadConfig } from '../../src/config.ts'
import { aDirectory } from '../support/closing.ts'
import { inlineCode, MANUAL_PAGES, pageText, yamlBlocks } from '../support/manual-pages.ts'

/** Changes are told of what there was, too; what was proved and measured, by the tests' own names. */
const GENERATED = ['CHANGELOG.md', 'docs/benchmarks.md', 'docs/proof.md']
const PAGES = MANUAL_PAGES.filter((page) => !GENERATED.includes(page))

const codeIn = (page: string): readonly string[] => inlineCode(pageText(page))

describe('settings', () => {
  it('in a sentence have a value that they take', () => {
    const said = PAGES.flatMap((page) => codeIn(page).map((code) => ({ page, code }))).flatMap((each) => {
      const [, name = '', value = ''] = /^(\w+): (.+)$/.exec(each.code) ?? []
      const setting = SETTING_NAMES.find((known) => known === name)
      return setting === undefined ? [] : [{ ...each, setting, value: parse(value) as unknown }]
    })
    expect(said.length).toBeGreaterThan(5)
    expect(
      said.filter(({ setting, value }) => !settingsSchema.shape[setting].safeParse(value).success),
    ).toEqual([])
  })

  it('in a file are what the configuration reads', async () => {
    const file = join(await aDirectory(), 'latchkey.yaml')
    const files = yamlBlocks(pageText('docs/configuration.md'))
    expect(files.length).toBeGreaterThan(0)
    for (const text of files) {
      await writeFile(file, text)
      expect(() => loadConfig({ config: file }, {})).not.toThrow()
    }
  })

  it('in the environment are named as the program names them', () => {
    const known = new Set(
      SETTING_NAMES.flatMap((name) => [environmentName(name), `${environmentName(name)}_FILE`]),
    )
    const named = PAGES.flatMap((page) =>
      [...pageText(page).matchAll(/\b(?:LATCHKEY|LOG|DATABASE)_[A-Z_]+\b/g)].map(([name]) => ({
        page,
        name,
      })),
    )
    expect(named.filter(({ name }) => !known.has(name) && !OTHER_VARIABLES.has(name))).toEqual([])
  })
})

/** Names the file of settings. */
const OTHER_VARIABLES = new Set(['LATCHKEY_CONFIG'])

it('names with an underline are names somewhere', () => {
  const sources = globSync(['src/**/*.ts', 'envoy/*.yaml', 'docs/examples/*']).map((path) =>
    readFileSync(path, 'utf8'),
  )
  const metrics = pageText('docs/telemetry.md').match(/`latchkey_\w+`/g) ?? []
  const known = new Set([...sources, ...metrics].join('\n').match(/\w+/g))
  const named = PAGES.flatMap((page) =>
    codeIn(page).flatMap((code) =>
      (code.match(/\b[a-z]+(?:_[a-z0-9]+)+\b/g) ?? []).map((name) => ({ page, name })),
    ),
  )
  expect(named.length).toBeGreaterThan(300)
  expect(named.filter(({ name }) => !known.has(name) && !OF_OTHERS.has(name))).toEqual([])
})

/** Names of Envoy's, of databases', of SDKs' and of LiteLLM's that our own files do not have; and of accounts, after their prefix. */
const OF_OTHERS = new Set([
  'allowed_routes',
  'latchkey_admin',
  'latchkey_charge_group_duration_seconds_count',
  'latchkey_migrator',
  'log_bin_trust_function_creators',
  'max_budget',
  'max_parallel_requests',
  'max_stream_duration',
  'membership_healthy',
  'prefix_rewrite',
  'response_code_details',
  'retry_options',
  'return_full_object',
  'tidb_enable_check_constraint',
  'tpm_limit',
])
