// How the tests run: on the source as it stands, each file in a process of its own.
import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

/** What measures itself against deadlines, or keeps every core busy, runs after all others and by itself. */
const ALONE = ['test/chaos/**/*.test.ts', 'test/repo/pack.test.ts']

export default defineConfig({
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    // Node strips the types itself, as it does in production: what it cannot run fails here too.
    experimental: { viteModuleRunner: false },
    testTimeout: 120_000,
    hookTimeout: 120_000,
    teardownTimeout: 30_000,
    // A forgotten .only would hide every other test.
    allowOnly: false,
    passWithNoTests: false,
    projects: [
      {
        extends: true,
        test: {
          name: 'together',
          include: ['test/**/*.test.ts'],
          exclude: ALONE,
          maxWorkers: Math.max(2, Math.floor(availableParallelism() / 2)),
          sequence: { groupOrder: 1 },
        },
      },
      { extends: true, test: { name: 'alone', include: ALONE, maxWorkers: 1, sequence: { groupOrder: 2 } } },
    ],
  },
})
