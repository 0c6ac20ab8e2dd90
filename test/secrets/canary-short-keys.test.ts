// Keys too short to be conspicuous, put where a model and a path belong: no place that people read repeats one.
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { NO_RULES } from '../../src/policy/policy.ts'
import { aKeyIn, anApp } from '../support/app-rig.ts'
import { aDirectory } from '../support/closing.ts'
import { runInside } from '../support/command-inside.ts'

const FORMATS = 'lk_:39:crc32,sk-:25:none,acme.key-:25:none'
const BEGINNINGS = ['sk-', 'acme.key-']
const aSecret = (beginning: string) =>
  beginning +
  randomBytes(32)
    .toString('base64url')
    .slice(0, 25 - beginning.length)

describe.each(BEGINNINGS)('a key %s… of 25 characters', (beginning) => {
  it('as model and in the path of a request is in no log line, no metadata and no answer', async () => {
    const secret = aSecret(beginning)
    const rig = await anApp({ key_formats: FORMATS, log_allow_sample_rate: '1' })
    const { secret: holder } = await aKeyIn(rig.app.store)
    const asked = {
      path: `/v1/chat/completions/${secret}?key=${secret}`,
      body: JSON.stringify({ model: secret }),
    }
    const response = await rig.ask(holder, asked)
    expect(response.dynamicMetadata).toMatchObject({ outcome: 'allow', model: '[redacted]' })
    const log = rig.log.join('')
    expect(log).toContain('"model":"[redacted]"')
    expect(log).toContain('"path":"/v1/chat/completions/[redacted]"')
    expect(log + JSON.stringify(response.dynamicMetadata)).not.toContain(secret.slice(beginning.length))
  })

  it('as the model that is refused is in no answer', async () => {
    const secret = aSecret(beginning)
    const rig = await anApp({ key_formats: FORMATS })
    const rules = { models: ['gpt-*'] }
    const { secret: holder } = await aKeyIn(rig.app.store, { rules: { ...NO_RULES, ...rules } })
    const response = await rig.ask(holder, { body: JSON.stringify({ model: secret }) })
    expect(JSON.stringify(response)).toContain('[redacted]')
    expect(JSON.stringify(response) + rig.log.join('')).not.toContain(secret.slice(beginning.length))
  })

  it('as the owner of a key that is imported is in no fault', async () => {
    const secret = aSecret(beginning)
    const directory = await aDirectory()
    const [file, config] = [join(directory, 'keys'), join(directory, 'latchkey.yaml')]
    await writeFile(file, JSON.stringify({ sha256: 'a'.repeat(64), name: 'n', owner: secret }))
    await writeFile(config, `key_formats: '${FORMATS}'\n`)
    const databaseUrl = `sqlite:${join(directory, 'store.db')}`
    const { code, stderr } = await runInside([
      'keys',
      'import',
      file,
      '--config',
      config,
      '--database-url',
      databaseUrl,
    ])
    expect(code).not.toBe(0)
    expect(stderr).toContain('[redacted]')
    expect(stderr).not.toContain(secret.slice(beginning.length))
  })
})

it('the name of a model is told beside them', async () => {
  const rig = await anApp({ key_formats: FORMATS, log_allow_sample_rate: '1' })
  const { secret } = await aKeyIn(rig.app.store)
  for (const model of ['gpt-4o-mini', 'claude-3-5-sonnet-20241022']) {
    const { dynamicMetadata } = await rig.ask(secret, { body: JSON.stringify({ model }) })
    expect(dynamicMetadata).toMatchObject({ model })
    expect(rig.log.join('')).toContain(`"model":"${model}"`)
  }
})
