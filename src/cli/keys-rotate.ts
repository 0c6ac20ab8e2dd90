// latchkey keys rotate: a second secret for a key, while the one before is still accepted for a while.
import { text as readAll } from 'node:stream/consumers'
import type { Command } from 'commander'
import { Rejection } from '../kernel/failure.ts'
import { deriveSecret, digestRequest, drawSalt, parseIdempotencyKey } from '../keys/derived-secret.ts'
import type { Rotation } from '../keys/key-book.ts'
import type { Secrets } from '../keys/secret.ts'
import { createSecrets, digestSecret, hintOf } from '../keys/secret.ts'
import type { CommandContext, OpenStore, StoreFlags } from './command-context.ts'
import { storeCommand, withStore } from './command-context.ts'
import { parseDuration } from './duration.ts'
import { formatInstant } from './instant.ts'
import { toJson } from './print.ts'
import { waitForReplicas } from './wait-for-replicas.ts'

type Flags = StoreFlags &
  Readonly<{ grace: string; idempotencyKey?: string; force?: boolean; wait?: boolean }>

export const addKeysRotate = (keys: Command, context: CommandContext): void => {
  storeCommand(keys, 'rotate <id>', 'make a second secret and print it, which is shown only now')
    .option('--grace <time>', 'how long the secret before is still accepted; 0s ends it at once', '24h')
    .option('--idempotency-key <key>', 'a random UUID or 32 hexadecimal digits: repeats have the same answer')
    .option('--force', 'end at once what an earlier rotation left its grace')
    .option('--json', 'one JSON object')
    .option('--wait', 'until every replica has confirmed it')
    .action((id: string, flags: Flags) =>
      withStore(flags, context, (open) => rotateKey(id, flags, context, open)),
    )
}

const rotateKey = async (id: string, flags: Flags, context: CommandContext, open: OpenStore) => {
  const { output } = context
  const secrets = createSecrets(open.config.keyFormats)
  const graceMs = parseDuration('--grace', flags.grace, '0s, 12h or 7d')
  const name = await idempotencyKeyOf(flags)
  const salt = drawSalt()
  const secret =
    name === undefined ? secrets.mint() : deriveSecret(secrets, { idempotencyKey: name, salt, keyId: id })
  const rotation = await open.store.keyBook.rotateKey(id, {
    digest: digestSecret(secret),
    hint: hintOf(secret),
    graceMs,
    force: flags.force === true,
    ...(name === undefined ? {} : { request: { digest: digestRequest(name), salt } }),
  })
  const answer = name === undefined ? secret : derivedAgain(secrets, name, rotation)
  const { hint, rotatedAtMs, graceEndsAtMs, repeated } = rotation
  const graceEndsAt = formatInstant(graceEndsAtMs)
  if (flags.json === true) {
    const rotatedAt = formatInstant(rotatedAtMs)
    output.line(toJson({ id, secret: answer, hint, rotated_at: rotatedAt, grace_ends_at: graceEndsAt }))
  } else {
    output.note(
      `${repeated ? 'rotated before' : 'rotated'} ${id}; the secret before is accepted until ${graceEndsAt}; the new one:`,
    )
    output.line(answer)
  }
  // The secret is told first: whatever comes of waiting, it is not lost.
  if (flags.wait === true) await waitForReplicas(context, open)
}

const idempotencyKeyOf = async ({ idempotencyKey }: Flags): Promise<string | undefined> => {
  if (idempotencyKey === undefined) return undefined
  // From standard input it is in no list of processes.
  const text = idempotencyKey === '-' ? (await readAll(process.stdin)).trim() : idempotencyKey
  return parseIdempotencyKey(text)
}

/** The first call of this name may have been another one, with another salt. */
const derivedAgain = (
  secrets: Secrets,
  idempotencyKey: string,
  { keyId, salt, digest }: Rotation,
): string => {
  const secret = deriveSecret(secrets, { idempotencyKey, salt: salt ?? new Uint8Array(), keyId })
  if (Buffer.compare(digestSecret(secret), digest) === 0) return secret
  throw new Rejection(
    'conflict',
    'this idempotency key made a secret in a format that is not the first of key_formats any more, so it cannot be told again',
  )
}
