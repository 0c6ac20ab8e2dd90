// Walks through the demo's story by itself, with the official clients: a line for each step, exit code 0 or 1.
import type { Demo } from '../src/cli/demo/start-demo.ts'
import { startDemo } from '../src/cli/demo/start-demo.ts'
import { CHATS, ERRORS, UPSTREAMS } from './demo-steps.ts'
import { TRACES } from './demo-traces.ts'
import { say } from './say.ts'

const walk = async (demo: Demo): Promise<number> => {
  let failed = 0
  for (const [title, run] of [...TRACES, ...CHATS, ...ERRORS, ...UPSTREAMS]) {
    try {
      await run(demo)
      process.stdout.write(`✓ ${title}\n`)
    } catch (error) {
      failed += 1
      process.stdout.write(`✗ ${title}: ${error instanceof Error ? error.message : String(error)}\n`)
    }
  }
  return failed
}

try {
  const demo = await startDemo({ envoyBin: process.env['ENVOY_BIN'], anyPorts: true, report: say })
  try {
    process.exitCode = (await walk(demo)) === 0 ? 0 : 1
  } finally {
    await demo.stop()
  }
} catch (error) {
  process.stdout.write(`✗ ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
