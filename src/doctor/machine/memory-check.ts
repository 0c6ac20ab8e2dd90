// May the cache grow larger than the machine's memory?
import { totalmem } from 'node:os'
import type { Config } from '../../config.ts'
import type { Finding } from '../finding.ts'
import { fine, warning } from '../finding.ts'

/** What this process may have: of the machine, or of its container when that is less. */
export const memoryBytes = (): number => {
  const constrained = process.constrainedMemory()
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()
}

/** Each worker has a cache of its own, and Node needs room beside it. */
export const examineMemory = ({ cache, workers }: Config, memory: number): readonly Finding[] => {
  const wanted = cache.maxBytes * workers
  const [wantedText, memoryText] = [wanted, memory].map((bytes) => `${Math.round(bytes / 1_048_576)} MiB`)
  return wanted > memory / 2
    ? [
        warning(
          'memory',
          `cache_max_size lets ${workers === 1 ? 'the cache' : `${workers} workers`} take ${wantedText} of ${memoryText}`,
          'lower cache_max_size until all caches together take less than half of the memory, or give more memory',
        ),
      ]
    : [fine('memory', `the cache may take ${wantedText} of ${memoryText}`)]
}
