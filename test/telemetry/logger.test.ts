// The log is for machines by default and for people on request.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import type { LogFormat, LogLevel } from '../../src/telemetry/logger.ts'
import { createLogger } from '../../src/telemetry/logger.ts'

const logged = (level: LogLevel, format: LogFormat = 'json') => {
  const lines: string[] = []
  const log = createLogger({ level, format }, { write: (line) => lines.push(line) })
  return { log, lines }
}

it('a line is one JSON object with an instant, a level in words, the message and the fields', () => {
  const { log, lines } = logged('info')
  log.warn({ key_id: 'key_1', text: 'two\nlines' }, 'check denied')
  expect(lines).toHaveLength(1)
  expect(lines[0]?.match(/\n/g)).toHaveLength(1)
  expect(JSON.parse(lines[0] ?? '')).toEqual({
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    level: 'warn',
    msg: 'check denied',
    key_id: 'key_1',
    text: 'two\nlines',
  })
})

it.each([
  ['trace', 6],
  ['debug', 5],
  ['info', 4],
  ['warn', 3],
  ['error', 2],
  ['fatal', 1],
  ['silent', 0],
] as const)('at level %s %d of six levels are told', (level, told) => {
  const { log, lines } = logged(level)
  const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const
  for (const each of levels) log[each]({}, 'words')
  expect(lines).toHaveLength(told)
  expect(levels.filter((each) => log.isEnabled(each))).toHaveLength(told)
  expect(log.isEnabled('silent')).toBe(false)
})

it('a line for people is one line, with whatever could break it in quotes', () => {
  const { log, lines } = logged('info', 'pretty')
  log.info({ path: '/v1/models', text: 'two\nlines', count: 3, missing: undefined }, 'check passed')
  expect(lines[0]).toMatch(
    /^\d\d:\d\d:\d\d\.\d{3} INFO {2}check passed path=\/v1\/models text="two\\nlines" count=3\n$/,
  )
})

it.each(['json', 'pretty'])('the last line before a crash is written (%s)', async (format) => {
  const module = new URL('../../src/telemetry/logger.ts', import.meta.url).href
  const script = `import { createLogger } from ${JSON.stringify(module)}
    createLogger({ level: 'info', format: '${format}' }).fatal({}, 'last words')
    process.kill(process.pid, 'SIGKILL')`
  const failed = promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])
  await expect(failed).rejects.toMatchObject({
    signal: 'SIGKILL',
    stdout: expect.stringContaining('last words'),
  })
})
