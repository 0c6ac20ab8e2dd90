// `make demo`, alone and with CHECK=1: the whole story passes, and Ctrl-C leaves nothing behind.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { expect, it } from 'vitest'
import { ENVOYS, envoyOf } from '../support/tested-envoys.ts'

const environment = async (version: string): Promise<NodeJS.ProcessEnv> => ({
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('LATCHKEY_'))),
  ENVOY_BIN: (await envoyOf(version)).path,
})

it.each(ENVOYS)('every step of the story passes on Envoy %s', async (version) => {
  const check = spawn(process.execPath, ['tools/demo-check.ts'], {
    env: await environment(version),
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [said] = await Promise.all([text(check.stdout), once(check, 'exit')])
  const lines = said.split('\n')
  expect(lines.filter((line) => line.startsWith('✗'))).toEqual([])
  expect(lines.filter((line) => line.startsWith('✓')).length).toBeGreaterThan(15)
  expect(check.exitCode).toBe(0)
})

it('the demo says what to paste, shows a trace, and on Ctrl-C leaves nothing behind', async () => {
  const demo = spawn(process.execPath, ['src/main.ts', 'demo'], {
    env: await environment(ENVOYS.at(-1) ?? ''),
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const gone = once(demo, 'exit')
  const said: string[] = []
  const seen = (pattern: RegExp) => {
    const { promise, resolve } = Promise.withResolvers<RegExpExecArray>()
    const look = (line: string) => {
      const match = pattern.exec(line)
      if (match !== null) resolve(match)
    }
    for (const line of said) look(line)
    lines.on('line', look)
    return promise
  }
  const lines = createInterface({ input: demo.stdout }).on('line', (line) => said.push(line))
  try {
    const ready = await Promise.race([seen(/^Ctrl-C stops it/), gone])
    expect(ready[0]).toMatch(/^Ctrl-C/)
    const secret = (await seen(/unlimited +(lk_\w+)/))[1]
    const url = (await seen(/curl -s (http:\/\/127\.0\.0\.1:\d+)\/v1\/chat/))[1]
    const metrics = (await seen(/metrics +curl -s (\S+)/))[1]
    const log = (await seen(/decisions +tail -f (\S+)/))[1] ?? ''
    const tree = seen(/latchkey\.store\.reads=/)
    const answer = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}` },
      body: JSON.stringify({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Hello' }] }),
    })
    expect(answer.status).toBe(200)
    expect(await (await fetch(String(metrics))).text()).toContain('latchkey_checks')
    await tree
    expect(existsSync(log)).toBe(true)
    demo.kill('SIGINT')
    expect(await gone).toEqual([0, null])
    expect(existsSync(dirname(log))).toBe(false)
    await expect(fetch(String(url))).rejects.toThrow()
  } finally {
    demo.kill('SIGKILL')
  }
})
