// Writes into the manual what the code knows better: `npm run docs`.
import { readFileSync, writeFileSync } from 'node:fs'
import { settingsJsonSchema } from '../src/config/json-schema.ts'
import { withSettings } from './settings-table.ts'

const path = 'docs/configuration.md'
writeFileSync(path, withSettings(readFileSync(path, 'utf8')))

writeFileSync('docs/latchkey.schema.json', `${JSON.stringify(settingsJsonSchema(), undefined, 2)}\n`)
