// A machine on which everything is set up well, and what the doctor says when one thing is not.
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Flags } from '../../src/config/read-settings.ts'
import type { Options } from '../../src/doctor/doctor.ts'
import { examine } from '../../src/doctor/doctor.ts'
import type { Finding } from '../../src/doctor/finding.ts'
import { aDirectory } from './closing.ts'

export type DoctorRig = Readonly<{
  directory: string
  /** Writes a file and returns its path. */
  file(name: string, content: string | Uint8Array, mode?: number): Promise<string>
  /** Everything that is said when these settings differ from those that are right. */
  examine(different?: Flags, options?: Partial<Options>): Promise<readonly Finding[]>
  /** The same without what is fine and what was skipped, in one line each. */
  complaints(different?: Flags, options?: Partial<Options>): Promise<readonly string[]>
}>

export const aDoctorRig = async (): Promise<DoctorRig> => {
  const directory = await aDirectory()
  const right: Flags = {
    database_url: `sqlite:${join(directory, 'store.db')}`,
    listen: `unix:${join(directory, 'latchkey.sock')}`,
    health_listen: 'off',
  }
  const examineWith: DoctorRig['examine'] = async (different = {}, options = {}) =>
    (await examine({ flags: { ...right, ...different }, environment: {}, envoyFile: undefined, ...options }))
      .findings
  return {
    directory,
    file: async (name, content, mode = 0o600) => {
      const path = join(directory, name)
      await writeFile(path, content, { mode })
      await chmod(path, mode)
      return path
    },
    examine: examineWith,
    complaints: async (different, options) =>
      (await examineWith(different, options))
        .filter(({ state }) => state === 'warning' || state === 'fault')
        .map(({ check, state, found, remedy }) => `${state} ${check}: ${found} → ${remedy ?? ''}`),
  }
}
