// What is wrapped around the payload of DATA and HEADERS. RFC 9113, 6.1 and 6.2.
import { ConnectionError, ERROR, FLAG, LARGEST_STREAM } from './frame.ts'

/** The first byte says how many follow the rest. */
export const withoutPadding = (payload: Buffer, flags: number): Buffer => {
  if ((flags & FLAG.padded) === 0) return payload
  const padding = payload[0]
  if (padding === undefined || padding >= payload.length)
    throw new ConnectionError(ERROR.protocol, 'more padding than frame')
  return payload.subarray(1, payload.length - padding)
}

/** Five bytes that nobody heeds any more (5.3.2), but for their form. */
export const withoutPriority = (fragment: Buffer, flags: number, stream: number): Buffer => {
  if ((flags & FLAG.priority) === 0) return fragment
  if (fragment.length < 5) throw new ConnectionError(ERROR.frameSize, 'HEADERS end within the priority')
  if (dependsOnItself(fragment, stream))
    throw new ConnectionError(ERROR.protocol, 'a stream depends on itself')
  return fragment.subarray(5)
}

export const dependsOnItself = (priority: Buffer, stream: number): boolean =>
  (priority.readUInt32BE(0) & LARGEST_STREAM) === stream
