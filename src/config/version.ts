// The version of this program, as its package says.
import { readFileSync } from 'node:fs'
import { z } from 'zod'

/** Reads the package's own file, which stands above src/ in a checkout and above dist/ in an installed package. */
export const readVersion = (): string =>
  z
    .looseObject({ version: z.string() })
    .parse(JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))).version
