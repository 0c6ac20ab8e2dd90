// Writes into the manual what the code knows better: `npm run docs`.
import { readFileSync, writeFileSync } from 'node:fs'
import { withSettings } from './settings-table.ts'

const path = 'docs/configuration.md'
writeFileSync(path, withSettings(readFileSync(path, 'utf8')))
