// Mistakes in and around the store, each planted, and what the doctor says of it; of a store that is set up well, nothing.
import { chmod, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import { examineDurability, examineServer } from '../../src/doctor/store/server-checks.ts'
import { createClock } from '../../src/kernel/clock.ts'
import { NO_RULES } from '../../src/policy/policy.ts'
import { openStore } from '../../src/store/store.ts'
import { onClose } from '../support/closing.ts'
import { runInside } from '../support/command-inside.ts'
import { createDatabaseAccounts } from '../support/database-accounts.ts'
import { aDoctorRig } from '../support/doctor-rig.ts'
import { freshDatabase, runOnMariadb } from '../support/mariadb.ts'

const DAY_MS = 86_400_000

/** Complaints but for the one about the tests' own account, which may do everything. */
const complaintsOf = async (
  databaseUrl: string,
  machine?: { nowMs: () => number; memoryBytes: () => number },
) =>
  (
    await (
      await aDoctorRig()
    ).complaints({ database_url: databaseUrl }, machine === undefined ? {} : { machine })
  ).filter((complaint) => !complaint.includes('may drop tables'))

const aMigratedDatabase = async (): Promise<{ url: string; name: string }> => {
  const url = await freshDatabase()
  await does('migrate', '--database-url', url)
  return { url, name: new URL(url).pathname.slice(1) }
}

const does = async (...args: readonly string[]): Promise<string> => {
  const { code, stdout, stderr } = await runInside(args)
  expect({ args, code, stderr }).toEqual({ args, code: 0, stderr })
  return stdout
}

const aStore = async (url: string) => {
  const store = await openStore({ url, clock: createClock() })
  onClose(() => store.close())
  return store
}

describe('a shared store', () => {
  it('that is set up well is not complained of, by the accounts that serve and manage', async () => {
    const accounts = await createDatabaseAccounts()
    onClose(() => accounts.close())
    for (const account of ['server', 'admin'] as const)
      expect({ account, said: await complaintsOf(accounts.urls[account]) }).toEqual({ account, said: [] })
    expect(await complaintsOf(accounts.urls.migrator)).toEqual([
      expect.stringMatching(/^fault store_account: this is the account that migrates/),
    ])
  })

  it('whose account lacks a right, or has all, is met', async () => {
    const accounts = await createDatabaseAccounts()
    onClose(() => accounts.close())
    const user = `'${accounts.prefix}_server'@'127.0.0.1'`
    await runOnMariadb(`REVOKE SELECT ON ${accounts.database}.owner FROM ${user}`)
    await runOnMariadb(`REVOKE UPDATE (used) ON ${accounts.database}.quota FROM ${user}`)
    expect(await complaintsOf(accounts.urls.server)).toContainEqual(
      expect.stringMatching(
        /^fault store_account: this account may not SELECT on owner, UPDATE \(used, window_start, window_end\) on quota/,
      ),
    )
    const rig = await aDoctorRig()
    expect(await rig.complaints({ database_url: (await aMigratedDatabase()).url })).toEqual([
      expect.stringMatching(/^warning store_account: this account may drop tables/),
    ])
  })

  it('that does not answer, or refuses us, is met, and no password is told', async () => {
    const url = new URL((await aMigratedDatabase()).url)
    const changed = (change: (other: URL) => void) => {
      const other = new URL(url)
      change(other)
      return complaintsOf(other.href)
    }
    expect(
      await changed((other) => {
        other.port = '1'
      }),
    ).toEqual([expect.stringMatching(/^fault store_reachable: .*ECONNREFUSED.* → check host and port/)])
    const refused = await changed((other) => {
      other.password = 'not-this-one'
    })
    expect(refused).toEqual([
      expect.stringMatching(/^fault store_reachable: .*denied.* → check the user and the password/),
    ])
    expect(refused.join()).not.toContain('not-this-one')
    expect(
      await changed((other) => {
        other.pathname = '/no_such_database'
      }),
    ).toEqual([expect.stringMatching(/^fault store_reachable: .*Unknown database.* → CREATE DATABASE/)])
    expect(
      await changed((other) => {
        other.search = '?tls=on'
        other.hostname = 'localhost'
      }),
    ).toEqual([
      expect.stringMatching(/^fault store_reachable: .* → name the authority of the server in \?ca=PATH/),
    ])
  })

  it('that is not migrated, or by a newer program, or by another one, is met', async () => {
    expect(await complaintsOf(await freshDatabase())).toEqual([
      expect.stringMatching(/^fault store_migrations: \d+ of \d+ are missing → run: latchkey migrate/),
    ])
    const { url, name } = await aMigratedDatabase()
    await runOnMariadb(
      `INSERT INTO ${name}.schema_migration SELECT '9999-later', checksum, applied_at FROM ${name}.schema_migration LIMIT 1`,
    )
    expect(await complaintsOf(url)).toEqual([
      expect.stringMatching(/^fault store_migrations: .* newer Latchkey: this one does not know 9999-later/),
    ])
    await runOnMariadb(`DELETE FROM ${name}.schema_migration WHERE name = '9999-later'`)
    await runOnMariadb(`UPDATE ${name}.schema_migration SET checksum = REPEAT('0', 64) ORDER BY name LIMIT 1`)
    expect(await complaintsOf(url)).toEqual([
      expect.stringMatching(/^fault store_migrations: .* in another form than this program carries/),
    ])
  })

  it.each([
    [90_000, /^warning store_clock: the database's clock is 90 s behind this machine's/],
    [-3_600_000, /^warning store_clock: the database's clock is 3600 s ahead of this machine's/],
  ])('whose clock is off by %i ms is met', async (offsetMs, words) => {
    const { url } = await aMigratedDatabase()
    const machine = { nowMs: () => Date.now() + offsetMs, memoryBytes: () => 2 ** 40 }
    expect(await complaintsOf(url, machine)).toEqual([expect.stringMatching(words)])
  })

  it('that is read-only, or gives too few connections, is met', () => {
    const config = loadConfig({ workers: '4', database_url: 'mysql://x/y', listen: 'unix:/x' }, {})
    const said = examineServer(config, { maxConnections: 80, readOnly: true }).map(
      ({ check, state, found }) => `${state} ${check}: ${found}`,
    )
    expect(said).toEqual([
      expect.stringMatching(/^fault store_writable: .* read-only/),
      expect.stringMatching(/^warning store_connections: .* up to 48 connections of the 80/),
    ])
    expect(examineServer(config, { maxConnections: 96, readOnly: false }).map(({ state }) => state)).toEqual([
      'ok',
      'ok',
    ])
  })

  it('that may forget what it acknowledged is met', async () => {
    const store = await aStore((await aMigratedDatabase()).url)
    const durabilityWarnings = () => Promise.resolve(['sync_binlog is 0, not 1'])
    expect(await examineDurability({ ...store, durabilityWarnings })).toMatchObject([
      { check: 'store_durability', state: 'warning', found: 'sync_binlog is 0, not 1' },
    ])
  })

  it('whose triggers are not whole is met; without any it is not', async () => {
    const { url, name } = await aMigratedDatabase()
    await does('triggers', 'install', '--database-url', url)
    expect(await complaintsOf(url)).toEqual([])
    await runOnMariadb(`DROP TRIGGER ${name}.latchkey_owner_update`)
    expect(await complaintsOf(url)).toEqual([
      expect.stringMatching(
        /^fault feed_triggers: some are missing.*latchkey_owner_update → run: latchkey triggers install/,
      ),
    ])
  })

  it('with a replica that is behind, or fell silent, is met', async () => {
    const { url, name } = await aMigratedDatabase()
    const store = await aStore(url)
    const { number } = await store.changes.last()
    const replica = { servesMs: 1_000, position: number }
    await store.replicaBook.confirm({ ...replica, id: 'a', name: 'host-a' })
    await store.replicaBook.confirm({ ...replica, id: 'b', name: 'host-b' })
    expect(await complaintsOf(url)).toEqual([])
    await runOnMariadb(`UPDATE ${name}.replica SET seen_at = seen_at - 600000 WHERE id = 'b'`)
    await runOnMariadb(`UPDATE ${name}.change_counter SET value = value + 1000`)
    expect(await complaintsOf(url)).toEqual([
      expect.stringMatching(/^fault replicas: does not follow the changes, .*: host-a/),
      expect.stringMatching(/^warning replicas: .* without a good-bye: host-b/),
    ])
  })
})

describe('what is registered', () => {
  it('under names that nobody knows is met', async () => {
    const { url, name } = await aMigratedDatabase()
    await does('guardrails', 'create', 'pii', '--database-url', url)
    await does('keys', 'create', '--name', 'ci', '--guardrail', 'pii', '--database-url', url)
    expect(await complaintsOf(url)).toEqual([])
    await runOnMariadb(`DELETE FROM ${name}.guardrail`)
    expect(await complaintsOf(url)).toEqual([
      expect.stringMatching(/^fault registered_names: not registered.*: key key_\w+ names guardrail pii/),
    ])
  })

  it('and not run by any route, or admitted and not routed, is met', async () => {
    const { url } = await aMigratedDatabase()
    await does('guardrails', 'create', 'pii', '--database-url', url)
    await does(
      'keys',
      'create',
      '--name',
      'ci',
      '--guardrail',
      'pii',
      '--model',
      'gpt-9',
      '--model',
      'gpt-4*',
      '--database-url',
      url,
    )
    await does('models', 'create', 'gpt-4o', '--route', 'openai', '--database-url', url)
    expect(await complaintsOf(url)).toEqual([
      expect.stringMatching(/^fault guardrails_run: .*: pii \(key key_\w+\)/),
      expect.stringMatching(/^warning models_routed: .*: gpt-9 \(key key_\w+\)/),
    ])
  })

  it('and in shadow mode is met', async () => {
    const { url } = await aMigratedDatabase()
    await does('policies', 'create', 'trial', '--shadow', 'on', '--database-url', url)
    await does('keys', 'create', '--name', 'ci', '--shadow', 'on', '--database-url', url)
    expect(await complaintsOf(url)).toEqual([
      expect.stringMatching(
        /^warning shadow_rules: .*: policy trial, key key_\w+ → once .* latchkey policies update/,
      ),
    ])
  })

  it('and does not fit the Envoy that is given is met', async () => {
    const { url } = await aMigratedDatabase()
    await does('guardrails', 'create', 'pii', '--database-url', url)
    await does('models', 'create', 'gpt-4o', '--route', 'openai', '--guardrail', 'pii', '--database-url', url)
    await does('models', 'create', 'mistral-7b', '--route', 'mistral', '--database-url', url)
    const rig = await aDoctorRig()
    const said = await rig.complaints(
      { database_url: url, listen: 'unix:/run/latchkey/latchkey.sock' },
      { envoyFile: 'envoy/sidecar.yaml' },
    )
    expect(said.filter((complaint) => complaint.includes(' envoy_'))).toEqual([
      expect.stringMatching(/^fault envoy_removed_headers: .* behind models\/openai of models/),
      expect.stringMatching(
        /^fault envoy_model_routes: the catalogue sends models to mistral, and models has no such route/,
      ),
    ])
  })

  it('as keys that expire soon, or stand below a disabled owner, is met', async () => {
    const { url } = await aMigratedDatabase()
    const store = await aStore(url)
    await store.ownerBook.createOwner('acme/search', NO_RULES, { withParents: true })
    const draft = {
      ownerPath: 'acme/search',
      hint: 'lk_0',
      notBeforeMs: undefined,
      rules: NO_RULES,
      limits: [],
    }
    const nowMs = Date.now()
    await store.keyBook.createKeys([
      { ...draft, name: 'soon', digest: new Uint8Array(32).fill(1), expiresAtMs: nowMs + 6 * DAY_MS },
      { ...draft, name: 'late', digest: new Uint8Array(32).fill(2), expiresAtMs: nowMs + 8 * DAY_MS },
    ])
    expect(await complaintsOf(url)).toEqual([
      expect.stringMatching(/^warning keys_expiring: 1 expire within seven days: key_/),
    ])
    await store.ownerBook.setOwnerDisabled('acme', true)
    expect(await complaintsOf(url)).toContainEqual(
      expect.stringMatching(/^warning owners_disabled: .*: acme/),
    )
  })
})

describe('an embedded store', () => {
  it('that others may read is met; a sound one is not, and neither is changed', async () => {
    const rig = await aDoctorRig()
    const path = join(rig.directory, 'store.db')
    await does('keys', 'create', '--name', 'ci', '--database-url', `sqlite:${path}`)
    const before = await readFile(path)
    expect(await rig.complaints()).toEqual([])
    await chmod(path, 0o644)
    expect(await rig.complaints()).toEqual([
      expect.stringMatching(/^warning sqlite_file: others on this machine may open .* → chmod 600/),
    ])
    expect(await readFile(path)).toEqual(before)
  })

  it('that is not there yet is not made', async () => {
    const rig = await aDoctorRig()
    expect(await rig.complaints()).toEqual([])
    await expect(stat(join(rig.directory, 'store.db'))).rejects.toThrow('ENOENT')
  })
})

describe('the manual', () => {
  it('names every check, of which there are more than twenty', async () => {
    const page = await readFile('docs/doctor.md', 'utf8')
    const rig = await aDoctorRig()
    const path = join(rig.directory, 'other.db')
    await does('keys', 'create', '--name', 'ci', '--database-url', `sqlite:${path}`)
    const envoy = { envoyFile: 'envoy/sidecar.yaml' }
    const all = [
      ...(await rig.examine({ database_url: `sqlite:${path}` }, envoy)),
      ...(await rig.examine({ database_url: (await aMigratedDatabase()).url }, envoy)),
    ]
    const names = [...new Set(all.map(({ check }) => check))]
    expect(names.length).toBeGreaterThan(20)
    expect(names.filter((name) => !page.includes(`\`${name}\``))).toEqual([])
    const told = [...page.matchAll(/`([a-z0-9]+(?:_[a-z0-9]+)*)`(?=[^|\n]*\|[^|\n]*\|$)/gm)].map(
      ([, name]) => name,
    )
    expect(told.filter((name) => !names.includes(name ?? ''))).toEqual([])
  })
})

describe('latchkey doctor', () => {
  const doctor = async (...args: readonly string[]) => {
    const { directory } = await aDoctorRig()
    return runInside(['doctor', '--database-url', `sqlite:${join(directory, 'store.db')}`, ...args])
  }

  it('ends with 0 without a fault, 1 with one, 69 when the store is away', async () => {
    // The listeners of this very machine may be taken: only what is asked for here is looked at.
    const fine = JSON.parse((await doctor('--json')).stdout) as { check: string; state: string }[]
    expect(fine.find(({ check }) => check === 'sqlite_file')?.state).toBe('ok')
    expect(await doctor('--envoy', '/absent.yaml')).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(
        /^fault {4}envoy_file: \/absent\.yaml cannot be read.*\n {9}→ give --envoy/m,
      ),
      stderr: expect.stringMatching(/^\d+ faults?, \d+ warnings?, \d+ fine, \d+ skipped\n$/),
    })
    expect((await doctor('--database-url', 'mysql://nobody:pw@127.0.0.1:1/none')).code).toBe(69)
  })

  it('gives machines the check, its state, what was found and what to do', async () => {
    const { stdout } = await doctor('--json', '--envoy', '/absent.yaml')
    const found = JSON.parse(stdout) as Record<string, unknown>[]
    expect(found.at(-1)).toEqual({
      check: 'envoy_file',
      state: 'fault',
      found: expect.stringContaining('ENOENT'),
      remedy: expect.stringContaining('bootstrap'),
    })
    expect(found[0]).toMatchObject({ check: 'configuration', state: 'ok', remedy: null })
  })
})
