// latchkey config check: every fault, or every setting with where it comes from; never a secret.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { effectiveSettings } from '../../src/config/effective-settings.ts'
import { SECRET_FILES, SETTING_NAMES } from '../../src/config/sources.ts'
import { aDirectory } from '../support/closing.ts'
import { runInside } from '../support/command-inside.ts'
import { runLatchkey } from '../support/latchkey-command.ts'

it('says of each setting what is in effect, and where it comes from', async () => {
  const file = join(await aDirectory(), 'latchkey.yaml')
  await writeFile(file, 'check_timeout: 2s\n\ncredential_headers: [authorization, x-key]\nlog_level: warn\n')
  const all = effectiveSettings(
    { config: file, max_body: '1MiB' },
    { LOG_LEVEL: 'error', DATABASE_URL: 'mysql://latchkey:hunter2@db/latchkey' },
  )
  const of = (name: string) => all.find(({ setting }) => setting === name)
  expect(all.map(({ setting }) => setting)).toEqual(SETTING_NAMES)
  expect(of('max_body')).toMatchObject({ value: '1MiB', from: '--max-body' })
  expect(of('log_level')).toMatchObject({ value: 'error', from: 'LOG_LEVEL' })
  expect(of('check_timeout')).toMatchObject({ value: '2s', from: `${file}:1` })
  expect(of('credential_headers')).toMatchObject({ value: '["authorization","x-key"]', from: `${file}:3` })
  expect(of('drain_delay')).toMatchObject({ value: '1s', from: 'default' })
  expect(of('tls_cert_file')).toMatchObject({ value: undefined, from: 'default' })
  expect(of('database_url')).toMatchObject({ value: '[redacted]', from: 'DATABASE_URL' })
  expect(JSON.stringify(all)).not.toContain('hunter2')
})

it('a secret in a file comes from there, whichever layer names it, and is not shown', async () => {
  const secret = join(await aDirectory(), 'secret')
  await writeFile(secret, 'mysql://latchkey:hunter2@db/latchkey\n')
  for (const { setting, file } of SECRET_FILES) {
    const [found] = effectiveSettings({ [file]: secret }, {}).filter((each) => each.setting === setting)
    expect(found).toEqual({ setting, value: '[redacted]', from: `--${file.replaceAll('_', '-')}` })
  }
})

it('ends with 0 and prints them, or with 64 and every fault', async () => {
  const directory = await aDirectory()
  const file = join(directory, 'latchkey.yaml')
  await writeFile(file, 'check_timeout: 2s\n')
  const { code, stdout } = await runInside(['config', 'check', '--config', file, '--json'])
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toContainEqual({ setting: 'check_timeout', value: '2s', from: `${file}:1` })
  await writeFile(file, 'check_timeout: soon\nworker: 2\n')
  expect(
    await runLatchkey(['config', 'check', '--config', file], { directory, env: { LOG_LEVEL: 'loud' } }),
  ).toEqual({
    code: 64,
    stdout: '',
    stderr: expect.stringMatching(
      /^latchkey: the configuration has 3 faults:\n {2}.*:1: check_timeout: "soon" is not a duration.*\n {2}LOG_LEVEL: "loud" is not one of.*\n {2}.*:2: worker: there is no such setting\n$/,
    ),
  })
})
