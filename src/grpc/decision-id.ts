// The name of a decision: in the answer, the span and the log, so that whoever was refused can say what he asks about.
import { randomFillSync } from 'node:crypto'

/** `dec_` and a UUID. */
export const DECISION_ID_LENGTH = 40

/**
 * `dec_` and a UUID of version 4 (RFC 9562, 5.4). Not by `randomUUID`, which makes it of seventeen strings: half the time, and a tenth
 * of the garbage.
 */
export const newDecisionId = (): string => {
  if (used === random.length) {
    randomFillSync(random)
    used = 0
  }
  let to = PREFIX.length
  for (let at = 0; at < UUID_BYTES; at += 1) {
    const byte = random[used] ?? 0
    used += 1
    if (at === 4 || at === 6 || at === 8 || at === 10) to += 1
    const told = at === 6 ? (byte & 0x0f) | 0x40 : at === 8 ? (byte & 0x3f) | 0x80 : byte
    text[to] = DIGITS[told >> 4] ?? 0
    text[to + 1] = DIGITS[told & 0x0f] ?? 0
    to += 2
  }
  return text.toString('latin1')
}

const UUID_BYTES = 16
const PREFIX = 'dec_'
const DIGITS = Buffer.from('0123456789abcdef')
/** Written over for each: what stays are its dashes. */
const text = Buffer.from(`${PREFIX}00000000-0000-0000-0000-000000000000`)

const random = new Uint8Array(UUID_BYTES * 256)
let used = random.length
