import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CommandRig } from '../support/command-rig.ts'
import { createCommandRig } from '../support/command-rig.ts'

let rig: CommandRig
beforeAll(async () => {
  rig = await createCommandRig()
  await rig.does('migrate')
  for (const name of ['pii-mask', 'jailbreak']) await rig.does('guardrails', 'create', name)
})
afterAll(() => rig.close())

const fails = async (code: number, sentence: RegExp, ...args: readonly string[]): Promise<void> => {
  const ran = await rig.latchkey(...args)
  expect(ran).toEqual({ code, stdout: '', stderr: expect.stringMatching(sentence) })
  expect(ran.stderr.trimEnd().split('\n')).toHaveLength(1)
}

test('guardrails: create, list, delete', async () => {
  expect(await rig.json('guardrails', 'create', 'extra')).toEqual({ name: 'extra' })
  expect(await rig.json('guardrails', 'list')).toEqual([
    { name: 'extra' },
    { name: 'jailbreak' },
    { name: 'pii-mask' },
  ])
  await fails(1, /^latchkey: .*extra/, 'guardrails', 'create', 'extra')
  expect(await rig.does('guardrails', 'delete', 'extra')).toBe('deleted guardrail extra\n')
  await fails(1, /^latchkey: .*extra/, 'guardrails', 'delete', 'extra')
  await fails(64, /guardrail name "NO"/, 'guardrails', 'create', 'NO')
  expect((await rig.latchkey('guardrails', 'list')).stdout).toBe('NAME\njailbreak\npii-mask\n')
})

test('policies: create, list, show, update, delete; each change is a new version', async () => {
  const create = [
    'policies',
    'create',
    'chat',
    '--model',
    'gpt-*',
    '--deny-model',
    '*-pro',
    '--guardrail',
    'pii-mask',
    ...'--path /v1/* --deny-path /v1/files --network 10.0.0.0/8 --deny-network 10.1.2.3 --shadow on'.split(
      ' ',
    ),
    '--hours',
    'Mon-Fri 08:00-18:00@Europe/Berlin',
  ]
  const chat = {
    name: 'chat',
    version: 1,
    models: ['gpt-*'],
    denied_models: ['*-pro'],
    paths: ['/v1/*'],
    denied_paths: ['/v1/files'],
    networks: ['10.0.0.0/8'],
    denied_networks: ['10.1.2.3'],
    hours: ['Mon-Fri 08:00-18:00@Europe/Berlin'],
    shadow: true,
    guardrails: ['pii-mask'],
  }
  expect(await rig.json(...create)).toEqual(chat)
  expect(await rig.json('policies', 'show', 'chat')).toEqual(chat)
  expect(await rig.json('policies', 'update', 'chat', '--no-models', '--guardrail', 'jailbreak')).toEqual({
    ...chat,
    version: 2,
    models: [],
    guardrails: ['jailbreak'],
  })
  const cleared = {
    ...chat,
    ...{ version: 3, shadow: false, models: null, denied_models: [], guardrails: [] },
    ...{ paths: null, denied_paths: [], networks: null, denied_networks: [], hours: null },
  }
  expect(
    await rig.json(
      'policies',
      'update',
      'chat',
      '--clear-models',
      ...'--clear-deny-models --clear-guardrails --clear-paths --clear-deny-paths --clear-networks'.split(
        ' ',
      ),
      ...'--clear-deny-networks --clear-hours --shadow off'.split(' '),
    ),
  ).toEqual(cleared)
  expect(await rig.json('policies', 'list')).toEqual([cleared])
  expect((await rig.latchkey('policies', 'show', 'chat')).stdout).toMatch(
    /^name +chat\nversion +3\nshadow +false\nmodels +all\n/,
  )
  await fails(1, /there is no policy "none"/, 'policies', 'show', 'none')
  await fails(1, /^latchkey: .*nobody/, 'policies', 'create', 'other', '--guardrail', 'nobody')
  await fails(64, /unknown option '--policy'/, 'policies', 'create', 'other', '--policy', 'chat')
  await fails(64, /nothing to update/, 'policies', 'update', 'chat')
  await rig.does('keys', 'create', '--name', 'k', '--policy', 'chat')
  await fails(1, /^latchkey: .*chat/, 'policies', 'delete', 'chat')
  await rig.does('policies', 'create', 'lonely')
  expect(await rig.does('policies', 'delete', 'lonely')).toBe('deleted policy lonely\n')
})

test('models: create, list, show, update, delete', async () => {
  const model = { name: 'gpt-4o*', route: 'openai', guardrails: ['pii-mask'] }
  expect(
    await rig.json('models', 'create', 'gpt-4o*', '--route', 'openai', '--guardrail', 'pii-mask'),
  ).toEqual(model)
  expect(await rig.json('models', 'show', 'gpt-4o*')).toEqual(model)
  expect(await rig.json('models', 'update', 'gpt-4o*', '--route', 'azure')).toEqual({
    ...model,
    route: 'azure',
  })
  expect(await rig.json('models', 'update', 'gpt-4o*', '--guardrail', 'jailbreak')).toMatchObject({
    guardrails: ['jailbreak'],
  })
  expect(await rig.json('models', 'update', 'gpt-4o*', '--clear-guardrails')).toMatchObject({
    guardrails: [],
  })
  expect((await rig.latchkey('models', 'list')).stdout).toBe(
    'NAME     ROUTE  GUARDRAILS\ngpt-4o*  azure  none\n',
  )
  await fails(64, /required option '--route <name>' not specified/, 'models', 'create', 'x')
  await fails(64, /^latchkey: /, 'models', 'create', 'a,b', '--route', 'openai')
  await fails(64, /nothing to update/, 'models', 'update', 'gpt-4o*')
  await fails(1, /there is no model "none"/, 'models', 'show', 'none')
  expect(await rig.does('models', 'delete', 'gpt-4o*')).toBe('deleted model gpt-4o*\n')
  expect(await rig.json('models', 'list')).toEqual([])
})

test('owners: create, list, show, update, disable, enable, delete', async () => {
  await fails(1, /owner "acme" does not exist; --with-parents makes it$/m, 'owners', 'create', 'acme/search')
  const key = ['keys', 'create', '--name', 'k', '--owner', 'acme/search']
  await fails(1, /owner "acme" does not exist; --create-owner makes it$/m, ...key)
  expect(
    await rig.json('owners', 'create', 'acme/search', '--with-parents', '--model', 'gpt-*'),
  ).toMatchObject({
    path: 'acme/search',
    status: 'active',
    models: ['gpt-*'],
    denied_models: [],
    policies: [],
    guardrails: [],
  })
  await fails(1, /^latchkey: .*acme/, 'owners', 'create', 'acme')
  const paths = (await rig.json('owners', 'list')) as readonly { path: string }[]
  expect(paths.map(({ path }) => path)).toEqual(expect.arrayContaining(['acme', 'acme/search']))
  expect(
    await rig.json('owners', 'update', 'acme', '--guardrail', 'pii-mask', '--deny-model', 'x'),
  ).toMatchObject({
    models: null,
    denied_models: ['x'],
    guardrails: ['pii-mask'],
  })
  expect(await rig.json('owners', 'disable', 'acme')).toMatchObject({ path: 'acme', status: 'disabled' })
  await rig.does('keys', 'create', '--name', 'below', '--owner', 'acme/search')
  expect(await rig.json('keys', 'list', '--owner', 'acme')).toMatchObject([{ status: 'owner disabled' }])
  expect(await rig.json('owners', 'enable', 'acme')).toMatchObject({ path: 'acme', status: 'active' })
  await rig.does('limits', 'create', '--owner', 'acme', '--limit', 'requests=9/hour')
  expect(await rig.json('owners', 'show', 'acme')).toMatchObject({ path: 'acme', limits: [{ amount: 9 }] })
  expect((await rig.latchkey('owners', 'show', 'acme')).stdout).toMatch(
    /^id +own_\S+\npath +acme\n[\s\S]*\n\nID +SUBJECT/,
  )
  await fails(1, /^latchkey: .*acme/, 'owners', 'delete', 'acme')
  await rig.does('owners', 'create', 'empty')
  expect(await rig.does('owners', 'delete', 'empty')).toBe('deleted owner empty\n')
  await fails(64, /has more than 3 levels/, 'owners', 'create', 'a/b/c/d', '--with-parents')
})

describe('limits', () => {
  test('create, list, show, update, delete', async () => {
    await rig.does('owners', 'create', 'zeta')
    const { id: keyId } = JSON.parse(
      (await rig.latchkey('keys', 'create', '--name', 'z', '--owner', 'zeta', '--json')).stdout,
    ) as { id: string }
    const onOwner = await rig.json('limits', 'create', '--owner', 'zeta', '--limit', 'requests=1K/month')
    expect(onOwner).toMatchObject({ subject: 'zeta', amount: 1_000, period: 'month', zone: 'UTC', used: 0 })
    const onKey = (await rig.json('limits', 'create', '--key', keyId, '--limit', 'requests=7/total')) as {
      id: number
    }
    expect(onKey).toMatchObject({ subject: keyId, amount: 7, remaining: 7, resets_at: null })
    expect(await rig.json('limits', 'list', '--owner', 'zeta')).toEqual([onOwner])
    expect(await rig.json('limits', 'list', '--key', keyId)).toEqual([onKey])
    const id = String(onKey.id)
    expect(await rig.json('limits', 'show', id)).toEqual(onKey)
    expect(await rig.json('limits', 'update', id, '--amount', '2K')).toMatchObject({
      amount: 2_000,
      period: 'total',
    })
    expect(await rig.json('limits', 'update', id, '--period', 'day', '--zone', 'Asia/Tokyo')).toMatchObject({
      amount: 2_000,
      period: 'day',
      zone: 'Asia/Tokyo',
    })
    const [now] = (await rig.json('limits', 'list', '--key', keyId)) as readonly { id: number }[]
    expect(await rig.does('limits', 'delete', String(now?.id))).toBe(`deleted limit ${now?.id}\n`)
    expect(await rig.json('limits', 'list', '--key', keyId)).toEqual([])
  })

  test('what cannot be a limit is refused', async () => {
    await fails(64, /name what is limited/, 'limits', 'create', '--limit', 'requests=1/day')
    await fails(
      64,
      /cannot be used with/,
      'limits',
      'create',
      '--key',
      'key_1',
      '--owner',
      'o',
      '--limit',
      'requests=1/day',
    )
    await fails(
      64,
      /must be an id that begins with key_/,
      'limits',
      'create',
      '--key',
      'acme',
      '--limit',
      'requests=1/day',
    )
    await fails(
      64,
      /only requests can be limited/,
      'limits',
      'create',
      '--owner',
      'zeta',
      '--limit',
      'cost=5usd/day',
    )
    await fails(1, /^latchkey: /, 'limits', 'create', '--owner', 'nobody', '--limit', 'requests=1/day')
    await fails(1, /^latchkey: /, 'limits', 'create', '--key', 'key_none', '--limit', 'requests=1/day')
    await fails(1, /^latchkey: /, 'limits', 'create', '--owner', 'zeta', '--limit', 'requests=5/month')
    await fails(64, /limit id "x" must be a number/, 'limits', 'delete', 'x')
    await fails(1, /there is no limit 9999/, 'limits', 'show', '9999')
    await fails(64, /nothing to update/, 'limits', 'update', '1')
  })
})
