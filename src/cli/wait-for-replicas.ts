// --wait: a command that changed something ends when no replica serves what was right before.
import { setTimeout as delay } from 'node:timers/promises'
import { awaitConfirmation } from '../keys/confirmation.ts'
import type { CommandContext, OpenStore } from './command-context.ts'
import { counted } from './counted.ts'

const LOOK_AGAIN_MS = 50

/** After the change was committed. Says on stderr who confirmed, and who did not but cannot serve anything that old any more. */
export const waitForReplicas = async (
  { output }: CommandContext,
  { store, clock }: OpenStore,
): Promise<void> => {
  const { number } = await store.changes.last()
  const { confirmed, silent } = await awaitConfirmation(number, {
    replicas: store.replicaBook,
    clock,
    pause: () => delay(LOOK_AGAIN_MS),
  })
  for (const { name, servesMs } of silent)
    output.note(
      `${name} did not confirm; for ${servesMs / 1_000} s it could not be told, and no longer serves it`,
    )
  output.note(`confirmed by ${counted(confirmed.length, 'replica')}`)
}
