// A digest as the name of a map's entry.

/** The whole digest, one character a byte: keys that share a part never mix. */
export const digestName = ({ buffer, byteOffset, byteLength }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('latin1')
