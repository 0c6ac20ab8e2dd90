// Server reflection, v1 and v1alpha: tools such as grpcurl learn from the server itself what they can ask it.
// https://grpc.io/docs/guides/reflection/
import { BinaryReader } from '@bufbuild/protobuf/wire'
import type { Server } from '@grpc/grpc-js'
import { ReflectionService } from '@grpc/reflection'
import { FILE_DESCRIPTORS } from './file-descriptors.ts'

export const addReflection = (server: Server): void => {
  // Of a definition only its files are read here; this is the shortest form of one.
  const described = {
    format: 'Protocol Buffer 3 EnumDescriptorProto' as const,
    type: {},
    fileDescriptorProtos: filesIn(Buffer.from(FILE_DESCRIPTORS, 'base64')),
  }
  new ReflectionService({ latchkey: described }).addToServer(server)
}

/** A FileDescriptorSet is nothing but its field 1, once for each file. */
const filesIn = (set: Uint8Array): Buffer[] => {
  const reader = new BinaryReader(set)
  const files: Buffer[] = []
  while (reader.pos < reader.len) {
    reader.tag()
    files.push(Buffer.from(reader.bytes()))
  }
  return files
}
