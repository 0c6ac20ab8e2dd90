// What the peer wants of us. RFC 9113, 6.5.
import { ConnectionError, ERROR, FLAG, FRAME_SIZE, frame, SETTING, TYPE } from './frame.ts'
import type { Outbox, Sending } from './outbox.ts'

const LARGEST_FRAME = 16_777_215
const ACK = frame(TYPE.settings, FLAG.ack, 0, new Uint8Array())

/** Applies and acknowledges them. Throws ConnectionError. */
export const applySettings = (
  flags: number,
  payload: Buffer,
  outbox: Outbox,
  streams: () => Iterable<Sending>,
): void => {
  if ((flags & FLAG.ack) !== 0) {
    if (payload.length > 0)
      throw new ConnectionError(ERROR.frameSize, 'an acknowledgement of SETTINGS is empty')
    return
  }
  if (payload.length % 6 !== 0) throw new ConnectionError(ERROR.frameSize, 'a setting has six bytes')
  // First, so that the peer knows by what the DATA that follows goes.
  outbox.write(ACK)
  // Our blocks use no table, so the size of the peer's does not matter.
  for (let at = 0; at < payload.length; at += 6) {
    const id = payload.readUInt16BE(at)
    const value = payload.readUInt32BE(at + 2)
    if (id === SETTING.initialWindowSize) outbox.setInitialWindow(value, streams())
    if (id === SETTING.enablePush && value > 1) throw new ConnectionError(ERROR.protocol, 'push is on or off')
    if (id !== SETTING.maxFrameSize) continue
    if (value < FRAME_SIZE || value > LARGEST_FRAME)
      throw new ConnectionError(ERROR.protocol, 'no such size of frames')
    outbox.setMaxFrameSize(value)
  }
}
