// How the tests run: on the source as it stands, each file in a process of its own.
import { existsSync } from 'node:fs'
import { defineConfig } from 'vitest/config'

const globalSetup = 'test/support/global-setup.ts'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: existsSync(globalSetup) ? [globalSetup] : [],
    pool: 'forks',
    // Node strips the types itself, as it does in production: what it cannot run fails here too.
    experimental: { viteModuleRunner: false },
    testTimeout: 30_000,
    hookTimeout: 120_000,
    teardownTimeout: 30_000,
    // A forgotten .only would hide every other test.
    allowOnly: false,
    passWithNoTests: false,
  },
})
