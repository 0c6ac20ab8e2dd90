// A key that one store makes and prints, and another takes over, is the same key there: nothing that it has is lost.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { beforeEach, expect, test } from 'vitest'
import { formatLimit } from '../../src/cli/limit-text.ts'
import { PERIODS } from '../../src/quota/quota.ts'
import { onClose } from '../support/closing.ts'
import { runInside } from '../support/command-inside.ts'
import type { CommandRig } from '../support/command-rig.ts'
import { createCommandRig } from '../support/command-rig.ts'

const RUNS = process.env['LATCHKEY_PROVE'] === '1' ? 200 : 15
const GUARDRAILS = ['mask', 'no']
const POLICIES = ['default', '007']

let rig: CommandRig
beforeEach(async () => {
  rig = await createCommandRig()
  onClose(rig.close)
  for (const url of [here(), there()]) {
    for (const name of GUARDRAILS) await succeed(url, 'guardrails', 'create', name)
    for (const name of POLICIES) await succeed(url, 'policies', 'create', name)
  }
})

const here = () => `sqlite:${rig.directory}/here.db`
const there = () => `sqlite:${rig.directory}/there.db`
const succeed = async (url: string, ...args: readonly string[]): Promise<string> => {
  const { code, stdout, stderr } = await runInside([...args, '--database-url', url])
  expect({ args, code, stderr }).toEqual({ args, code: 0, stderr })
  return stdout
}

/** Everything that an option of `keys create` can say, each as it is typed. */
const drafts = (): fc.Arbitrary<readonly string[]> => {
  const option = (name: string, values: fc.Arbitrary<string>) =>
    fc.option(values.map((value) => [name, value])).map((given) => given ?? [])
  const each = (name: string, ...values: readonly string[]) =>
    fc.subarray([...values]).map((given) => given.flatMap((value) => [name, value]))
  const parts = [
    fc.constantFrom('k', 'null', 'true', '007', 'a "b", c', "l'été", '{}', '[]').map((n) => ['--name', n]),
    option('--owner', fc.constantFrom('acme', 'acme/search', '007/no/x.y')),
    fc.oneof(each('--model', 'gpt-*', '{}', '"', '7'), fc.constant(['--no-models'])),
    each('--deny-model', 'gpt-5', 'true'),
    each('--path', 'POST /v1/chat/*', '/v1/models', '*'),
    each('--deny-path', '/v1/files*'),
    each('--network', '10.0.0.0/8', '192.0.2.1', '2001:db8::/32'),
    each('--deny-network', '10.9.0.0/16'),
    each('--hours', '08:00-18:00', 'Mon-Fri 22:00-06:00@Europe/Berlin'),
    each('--guardrail', ...GUARDRAILS),
    each('--policy', ...POLICIES),
    each('--label', 'team=search', 'a=true', 'b=7', 'c={}'),
    option('--shadow', fc.constantFrom('on', 'off')),
    option('--fail-mode', fc.constantFrom('open', 'closed')),
    option('--not-before', fc.constantFrom('2026-01-01', '2998-01-01T09:00:00+01:00')),
    option('--expires', fc.constantFrom('2999-01-01', '2999-12-31T23:59:59.999Z')),
    limits.map((all) => all.flatMap((limit) => ['--limit', limit])),
  ]
  return fc.tuple(...parts).map((given) => given.flat())
}

const limits = fc
  .uniqueArray(
    fc.record({
      unit: fc.constant('requests' as const),
      period: fc.constantFrom(...PERIODS),
      zone: fc.constantFrom('UTC', 'Europe/Berlin', 'Asia/Kolkata'),
      amount: fc.oneof(fc.nat(), fc.constantFrom(0, Number.MAX_SAFE_INTEGER)),
    }),
    { maxLength: 3, selector: ({ period, zone }) => `${period} ${period === 'total' ? '' : zone}` },
  )
  .map((all) => all.map(formatLimit))

/** All that is shown of a key, but for what each store numbers and dates by itself. */
const shown = async (url: string): Promise<unknown> => {
  const [id = '', ...others] = await listed(url)
  expect(others).toEqual([])
  const dated = new Set(['id', 'subject', 'created_at', 'resets_at'])
  return JSON.parse(await succeed(url, 'keys', 'show', id, '--json'), (name, value: unknown) =>
    dated.has(name) ? undefined : value,
  )
}

const listed = async (url: string): Promise<readonly string[]> => {
  const keys: readonly { id: string }[] = JSON.parse(await succeed(url, 'keys', 'list', '--json'))
  return keys.map(({ id }) => id)
}

const revokeAll = async (url: string): Promise<void> => {
  for (const id of await listed(url)) await succeed(url, 'keys', 'revoke', id)
}

test('whatever a key has, in JSON lines', async () => {
  await fc.assert(
    fc.asyncProperty(drafts(), async (draft) => {
      const file = join(rig.directory, 'keys')
      try {
        await writeFile(file, await succeed(here(), 'keys', 'create', '--create-owner', '--json', ...draft))
        await succeed(there(), 'keys', 'import', file, '--create-owners')
        expect(await shown(there())).toEqual(await shown(here()))
      } finally {
        for (const url of [here(), there()]) await revokeAll(url)
      }
    }),
    { numRuns: RUNS },
  )
})
