// Hears everything that a server tells about canaries, and sifts it at once, because it is too much to be kept.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { inspect } from 'node:util'
import type { CanaryStore } from './canary-store.ts'
import { runOnMariadb } from './mariadb.ts'
import { createSieve } from './secret-sieve.ts'

export type Place = 'answers' | 'gRPC errors' | 'pages' | 'log' | 'spans' | 'tables'

/** What shows that there was something to be found. */
export const SIGNS = [
  'check denied',
  'check passed',
  'check failed',
  'Authorization/Check',
  'latchkey_checks_total',
  '[redacted]',
] as const

export type Ear = ReturnType<typeof createEar>

export const createEar = ({ secrets, spare }: CanaryStore) => {
  const sieve = createSieve([...secrets, ...spare])
  const found: Record<Place, string[]> = {
    answers: [],
    'gRPC errors': [],
    pages: [],
    log: [],
    spans: [],
    tables: [],
  }
  const told = Object.fromEntries(SIGNS.map((sign) => [sign, 0])) as Record<(typeof SIGNS)[number], number>
  return {
    found,
    told,
    hear: (place: Place, text: string): void => {
      for (const sign of SIGNS) told[sign] += text.split(sign).length - 1
      found[place].push(...sieve.sift(text))
    },
    /** Where digests belong, and nothing else does. */
    readTables: async (database: string): Promise<void> => {
      const withoutDigests = createSieve([...secrets, ...spare], { digests: false })
      const tables = await runOnMariadb('SHOW TABLES', database)
      for (const name of tables.flatMap((row) => Object.values(row).map(String)))
        found.tables.push(
          ...withoutDigests.sift(inspect(await runOnMariadb(`SELECT * FROM ${name}`, database), WHOLE)),
        )
    },
  }
}

export const WHOLE = { depth: 9, maxArrayLength: null, maxStringLength: null }

/** Takes what is posted to it. */
export const startSink = async (take: (body: string) => void) => {
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      take(body)
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('no port')
  const close = async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }
  return { url: `http://127.0.0.1:${address.port}`, close }
}
