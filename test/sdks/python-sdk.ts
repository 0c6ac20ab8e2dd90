// One of the official Python SDKs in a child process that does one batch of calls after the other: its start costs a second.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { ensurePythonSdks } from '../../tools/python-sdks.ts'
import type { SdkOutcome, SdkRunner } from './sdk-call.ts'

export const startPythonSdk = (name: 'openai' | 'anthropic' | 'google'): SdkRunner => {
  const script = fileURLToPath(new URL(`${name}_sdk.py`, import.meta.url))
  const child = spawn('python3', [script], {
    // What an SDK would read from its surroundings is not part of the test.
    env: { PATH: process.env['PATH'], PYTHONPATH: ensurePythonSdks(), PYTHONDONTWRITEBYTECODE: '1' },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()))
  let complaints = ''
  child.stderr.on('data', (text: Buffer) => {
    complaints += text.toString()
  })
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    async run(calls) {
      child.stdin.write(`${JSON.stringify(calls)}\n`)
      const { value, done } = await answers.next()
      if (done === true) throw new Error(`the SDK of ${name} ended: ${complaints}`)
      const outcomes: readonly SdkOutcome[] = JSON.parse(value)
      return outcomes
    },
    async close() {
      child.stdin.end()
      await exited
    },
  }
}
