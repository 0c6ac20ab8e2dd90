// latchkey explain: what a Check would answer for a key and a request, step by step, charging nothing.
import { isIP } from 'node:net'
import { text as readAll } from 'node:stream/consumers'
import type { Command } from 'commander'
import type { Explanation } from '../check/explain.ts'
import { createExplain } from '../check/explain.ts'
import type { KnownKey } from '../check/usable-key.ts'
import { createCall } from '../kernel/call.ts'
import { Rejection } from '../kernel/failure.ts'
import { createKeyDirectory } from '../keys/key-directory.ts'
import type { Secrets } from '../keys/secret.ts'
import { createSecrets } from '../keys/secret.ts'
import { createRefusalMemory } from '../quota/refusal-memory.ts'
import type { Store } from '../store/store.ts'
import type { CommandContext, OpenStore, StoreFlags } from './command-context.ts'
import { storeCommand, withStore } from './command-context.ts'
import type { Output } from './output.ts'
import { toJson } from './print.ts'
import { repeatable } from './rules-options.ts'
import { formatTable } from './table.ts'

type Flags = StoreFlags &
  Readonly<{
    key: string
    model?: string
    path: string
    method: string
    ip?: string
    declaredGuardrail?: readonly string[]
  }>

export const addExplain = (program: Command, context: CommandContext): void => {
  storeCommand(program, 'explain', 'tell what would be decided and why, charging nothing')
    .requiredOption(
      '--key <secret-or-id>',
      'the key: its secret, its id, or - to read the secret from standard input',
    )
    .requiredOption('--path <path>', 'path of the request, such as /v1/chat/completions')
    .option('--model <name>', 'model that the body asks for')
    .option('--method <method>', 'method of the request', 'POST')
    .option('--ip <address>', 'address that the request comes from')
    .addOption(
      repeatable('--declared-guardrail <name>', "a guardrail of the Envoy route's latchkey_guardrails"),
    )
    .option('--json', 'one JSON object')
    .action((flags: Flags) => withStore(flags, context, (open) => explain(flags, context, open)))
}

const explain = async (
  flags: Flags,
  { output }: CommandContext,
  { store, clock, config }: OpenStore,
): Promise<void> => {
  if (flags.ip !== undefined && isIP(flags.ip) === 0)
    throw new Rejection('invalid', `--ip ${JSON.stringify(flags.ip)} must be an address`)
  const secrets = createSecrets(config.keyFormats)
  const explainCheck = createExplain({
    clock,
    secrets,
    shadowMode: config.shadow.mode,
    ledger: store.ledger,
    directory: createKeyDirectory({
      store: store.keyStore,
      clock,
      options: { ...config.cache, lookupTimeoutMs: config.checkTimeoutMs },
    }),
    refusals: createRefusalMemory<KnownKey>({ clock, maxEntries: 1 }),
  })
  const question = {
    secret: await secretOf(flags.key, secrets, store),
    method: flags.method,
    path: flags.path,
    model: flags.model,
    address: flags.ip,
    declaredGuardrails: flags.declaredGuardrail,
  }
  print(output, flags, await explainCheck(question, createCall(clock.monotonicMs() + config.checkTimeoutMs)))
}

/** A secret, or the digest of one. An id is told from a secret by not having an accepted format. */
const secretOf = async (key: string, secrets: Secrets, store: Store): Promise<string | Uint8Array> => {
  if (key === '-') return (await readAll(process.stdin)).trim()
  return key.startsWith('key_') && !secrets.recognise(key) ? store.keyBook.digestOfKey(key) : key
}

const print = (
  output: Output,
  { json = false }: StoreFlags,
  { steps, outcome, denied }: Explanation,
): void => {
  const { reason, message } = denied ?? {}
  if (json) {
    output.line(toJson({ outcome, reason, message, steps }))
    return
  }
  const rows = steps.map(({ step, passed, value }) => ({
    step,
    passed: passed ? 'yes' : 'NO',
    because: value,
  }))
  output.line(formatTable(['step', 'passed', 'because'], rows))
  output.line(`\n${denied === undefined ? 'allow' : `deny ${denied.reason}: ${denied.message}`}`)
}
