// What the manual tells to put into Envoy's configuration is accepted there, by every tested Envoy.
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { isMap, isSeq, parseDocument, stringify } from 'yaml'
import { envoyFile } from '../../src/cli/demo/envoy-config.ts'
import { aDirectory } from '../support/closing.ts'
import { pageText, yamlBlocks } from '../support/manual-pages.ts'
import { ENVOYS, envoyOf } from '../support/tested-envoys.ts'

const run = promisify(execFile)

const HCM = ['static_resources', 'listeners', 0, 'filter_chains', 0, 'filters', 0, 'typed_config']
const HOST = [...HCM, 'route_config', 'virtual_hosts', 0]
const CLUSTERS = ['static_resources', 'clusters']
const RULES = [...HCM, 'http_filters', 0, 'typed_config', 'decoder_header_mutation_rules']

const SNIPPETS = ['docs/envoy.md', 'docs/guardrails.md', 'docs/models.md'].flatMap((page) =>
  yamlBlocks(pageText(page)),
)

it.each(ENVOYS)(
  'Envoy %s accepts every snippet of the manual in the shipped configuration',
  async (version) => {
    const document = parseDocument(await readFile(envoyFile('sidecar'), 'utf8'))
    for (const snippet of SNIPPETS) {
      const given = parseDocument(snippet).contents
      if (isSeq(given))
        for (const item of given.items)
          document.addIn(isMap(item) && item.has('load_assignment') ? CLUSTERS : [...HOST, 'routes'], item)
      else if (isMap(given))
        for (const { key, value } of given.items) {
          const name = String(key)
          const place = PLACES[name]
          expect({ name, place }).toEqual({ name, place: expect.any(Array) })
          document.setIn([...(place ?? []), name], value)
        }
    }
    const shipped = parseDocument(await readFile(envoyFile('sidecar'), 'utf8'))
    const expression = [...RULES, 'allow_expression', 'regex']
    const [told, was] = [document, shipped].map((each) => String(each.getIn(expression)))
    document.setIn(expression, told?.replace('…', was ?? ''))
    const path = join(await aDirectory(), 'envoy.yaml')
    await writeFile(path, stringify(document))
    const { path: envoy } = await envoyOf(version)
    const { stdout } = await run(envoy, ['--mode', 'validate', '--log-level', 'warn', '-c', path])
    expect(stdout).toContain('OK')
  },
)

/** Where a snippet belongs, by the field that it gives; a list is one of routes or of clusters. */
const PLACES: Readonly<Record<string, readonly (string | number)[]>> = {
  allow_expression: RULES,
  layered_runtime: [],
  rate_limits: HOST,
  typed_per_filter_config: [...HOST, 'routes', 0],
}
