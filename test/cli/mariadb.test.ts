import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { createCheckClient, summarise } from '../support/check-client.ts'
import { aCheckRequest } from '../support/check-requests.ts'
import { aDirectory, onClose } from '../support/closing.ts'
import type { CommandRig } from '../support/command-rig.ts'
import { createCommandRig } from '../support/command-rig.ts'
import { startLatchkey } from '../support/latchkey-command.ts'
import { freshDatabase } from '../support/mariadb.ts'
import { startServing } from '../support/serving.ts'

const aRig = async (): Promise<CommandRig> => {
  const rig = await createCommandRig(await freshDatabase())
  onClose(rig.close)
  return rig
}

test('a shared store is migrated by a person: until then every command names the command, with 69', async () => {
  const rig = await aRig()
  for (const command of [
    ['keys', 'list'],
    ['owners', 'create', 'acme'],
    ['serve', '--health-listen', 'off'],
  ]) {
    const { code, stdout, stderr } = await rig.latchkey(...command)
    expect({ code, stdout }).toEqual({ code: 69, stdout: '' })
    expect(stderr).toMatch(/^latchkey: the store lacks \d+ of \d+ migrations; run: latchkey migrate\n$/)
  }
  expect((await rig.latchkey('migrate', '--status')).stdout).toMatch(/pending/)
  expect(await rig.does('migrate')).toMatch(/^applied 0001/)
  expect((await rig.latchkey('migrate', '--status')).stdout).not.toMatch(/pending/)
  expect(await rig.json('keys', 'list')).toEqual([])
})

test('the commands do on it what they do on an embedded store, and serve charges there', async () => {
  const rig = await aRig()
  await rig.does('migrate')
  await rig.does('guardrails', 'create', 'pii-mask')
  await rig.does('policies', 'create', 'chat', '--guardrail', 'pii-mask', '--model', 'gpt-*')
  await rig.does('models', 'create', 'gpt-4o*', '--route', 'openai', '--guardrail', 'pii-mask')
  const create =
    'keys create --name ci --owner acme/search --create-owner --policy chat --limit requests=2/day'
  const { stdout } = await rig.latchkey(...create.split(' '), '--expires', '30d', '--json')
  const { id, secret } = JSON.parse(stdout) as { id: string; secret: string }
  await rig.does('limits', 'create', '--owner', 'acme', '--limit', 'requests=1K/month@Europe/Berlin')
  const explain = ['explain', '--key', id, '--path', '/v1/chat/completions', '--model', 'gpt-4o']
  expect(await rig.json(...explain)).toMatchObject({ outcome: 'allow' })

  const serving = await startServing(rig.directory, {
    DATABASE_URL: rig.databaseUrl,
    LATCHKEY_DRAIN_DELAY: '0ms',
  })
  onClose(() => serving.process.kill('SIGKILL'))
  const client = createCheckClient(serving.address)
  onClose(client.close)
  const ask = async () => {
    const headers = [['x-api-key', secret]] as const
    return summarise(await client.check(aCheckRequest({ headers, body: '{"model":"gpt-4o"}' }))).reason
  }
  expect([await ask(), await ask(), await ask()]).toEqual(['allow', 'allow', 'quota_exhausted'])
  const limits = await rig.json('limits', 'list')
  expect(limits).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ subject: id, used: 2, remaining: 0 }),
      expect.objectContaining({ subject: 'acme', used: 2, remaining: 998, zone: 'Europe/Berlin' }),
    ]),
  )
  expect(await rig.json('keys', 'revoke', id)).toMatchObject({ status: 'revoked' })
  serving.process.kill('SIGTERM')
  expect(await serving.ended).toBe(0)
})

test('a server that never answers does not hold up a serve that is told to stop', async () => {
  const mute = createServer(() => {})
  mute.listen(0, '127.0.0.1')
  const connected = once(mute, 'connection')
  await once(mute, 'listening')
  onClose(() => mute.close())
  const address = mute.address()
  if (typeof address !== 'object' || address === null) throw new Error('no port')
  const child = startLatchkey(['serve', '--health-listen', 'off'], {
    directory: await aDirectory(),
    env: { DATABASE_URL: `mysql://latchkey@127.0.0.1:${address.port}/latchkey` },
  })
  await connected
  child.kill('SIGTERM')
  await once(child, 'exit')
  expect(child.exitCode).toBe(0)
})
