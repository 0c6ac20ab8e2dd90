// Describes the machine that a figure was taken on.
import { arch, availableParallelism, cpus, release, totalmem, type } from 'node:os'

/** One line: processor, cores, memory, system, Node. */
export const machine = (): string => {
  const model = cpus()[0]?.model.trim() || 'unknown processor'
  const memoryGib = Math.round(totalmem() / 2 ** 30)
  return `${model}, ${availableParallelism()} cores, ${memoryGib} GiB, ${type()} ${release().split('-')[0]} ${arch()}, Node ${process.versions.node}`
}
