// The look-up on MySQL, MariaDB and TiDB: one statement, a row for each key that is found, point access only.
import type { Call } from '../../kernel/call.ts'
import type { DatabaseClock } from '../../kernel/clock.ts'
import type { GroupKeyStore } from '../../keys/key-store.ts'
import { MOST_KEYS_TOGETHER } from '../../keys/key-store.ts'
import type { QuotaView } from '../../quota/quota-view.ts'
import type { LookUpReply } from '../look-up-answers.ts'
import { answersFrom } from '../look-up-answers.ts'
import { withLookUpSpan } from '../look-up-span.ts'
import { LOOK_UP_COLUMNS, limitColumns, lookUpFrom } from '../look-up-statement.ts'
import type { Statement } from '../statement-span.ts'
import type { ConnectionPool } from './connection-pool.ts'
import { toFailure, verdictOn } from './errors.ts'
import { NOW } from './session.ts'
import type { TracedStatements } from './traced-statements.ts'

/** Parameters: known registry version, digests, some of them more than once when there are fewer. */
export const lookUpStatement = (digests: number): string => `SELECT
  ${LOOK_UP_COLUMNS},
  s.hash AS hash,
  ${limitColumns({ array: 'JSON_ARRAY', collect: 'JSON_ARRAYAGG' })},
  ${NOW} AS now_ms
${lookUpFrom(NOW, digests)}`

const statementFor = (digests: number): Statement => ({
  operation: 'SELECT',
  table: 'key_secret',
  text: lookUpStatement(digests),
})

/** Two sizes and none between: a connection keeps each of them prepared. */
const ALONE = statementFor(1)
const TOGETHER = statementFor(MOST_KEYS_TOGETHER)

/** A read may be asked again on another connection; each time counts. */
const MAX_ATTEMPTS = 3

export const createMysqlKeyStore = (
  pool: ConnectionPool,
  clock: DatabaseClock,
  traced: TracedStatements,
  view: QuotaView,
): GroupKeyStore => {
  const ask = async (
    statement: Statement,
    values: readonly (string | Buffer)[],
    call: Call,
  ): Promise<LookUpReply> => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await pool.use(call, async (connection) => {
          call.storeReads += 1
          const sentMs = clock.monotonicMs()
          const era = view.era()
          const { rows } = await traced.execute(connection, statement, values, call.deadlineMs)
          const nowMs = rows[0]?.['now_ms']
          if (typeof nowMs === 'number') clock.observe(nowMs, sentMs, clock.monotonicMs())
          return { rows, era }
        })
      } catch (error) {
        if (attempt >= MAX_ATTEMPTS || !mayAskAgain(error)) throw toFailure(error)
      }
    }
  }

  return {
    find: async (digest, knownRegistryVersion, call) => {
      const reply = await ask(ALONE, [String(knownRegistryVersion), Buffer.from(digest)], call)
      const [answer] = answersFrom(reply, [digest], view)
      if (answer instanceof Error) throw answer
      if (answer === undefined) throw new Error('nothing was answered')
      return answer
    },
    findAll: (wanted, knownRegistryVersion, call) =>
      withLookUpSpan(wanted, async () => {
        const digests = wanted.map(({ digest }) => digest)
        const padding = Array.from({ length: MOST_KEYS_TOGETHER - digests.length }, () => digests[0])
        const values = [...digests, ...padding].map((digest = new Uint8Array()) => Buffer.from(digest))
        return answersFrom(
          await ask(TOGETHER, [String(knownRegistryVersion), ...values], call),
          digests,
          view,
        )
      }),
  }
}

const mayAskAgain = (error: unknown): boolean => verdictOn(error, 'before_commit').again
