// The commit that a figure belongs to, and whether the tree still is that commit.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'

const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8', maxBuffer: 1 << 28 })

/**
 * The short commit; with a suffix of its own for each uncommitted state, so that no figure is taken for another's. Pages that
 * the tools write themselves do not count.
 */
export const commitOfTree = (): string => {
  const head = git('rev-parse', '--short=12', 'HEAD').trim()
  const others = ['--', '.', ':!docs/proof.md', ':!docs/benchmarks.md', ':!README.md']
  const changed = git('status', '--porcelain', ...others) + git('diff', 'HEAD', ...others)
  return changed === '' ? head : `${head}-${createHash('sha256').update(changed).digest('hex').slice(0, 8)}`
}
