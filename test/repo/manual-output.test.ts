// What the manual shows of a command's output is what the command prints.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { CommandRig } from '../support/command-rig.ts'
import { createCommandRig } from '../support/command-rig.ts'
import { outputBlocks, pageText, yamlBlocks } from '../support/manual-pages.ts'

const withRig = async (work: (rig: CommandRig) => Promise<void>): Promise<void> => {
  const rig = await createCommandRig()
  try {
    await work(rig)
  } finally {
    await rig.close()
  }
}

const blockWith = (page: string, words: string): string =>
  outputBlocks(pageText(page)).find((block) => block.includes(words)) ?? `nothing with ${words} in ${page}`

describe('the manual shows what is printed', () => {
  it('by explain, once the quick start was followed', () =>
    withRig(async ({ does, json, latchkey }) => {
      await does('models', 'create', 'gpt-4o*', '--route', 'openai')
      await does('keys', 'create', '--name', 'ci', '--limit', 'requests=1000/day')
      const [key] = (await json('keys', 'list')) as readonly { id: string }[]
      const question = ['--model', 'gpt-4o-mini', '--path', '/v1/chat/completions']
      const { stdout } = await latchkey('explain', '--key', String(key?.id), ...question)
      const shown = stdout.replace(/key_\w+/, 'key_…').replace(/\d{4}-[\d:.T-]+Z/, '2030-01-02T00:00:00.000Z')
      expect(blockWith('docs/quick-start.md', 'STEP')).toBe(shown)
    }))

  it('by apply, of a file with mistakes', () =>
    withRig(async ({ directory, latchkey }) => {
      const page = 'docs/as-code.md'
      const [good = ''] = yamlBlocks(pageText(page))
      const bad = good.replace('    models:', '    modles:').replace('[default]', '[defualt]')
      await writeFile(join(directory, 'latchkey.yaml'), bad)
      const { code, stderr } = await latchkey('apply', '-f', 'latchkey.yaml')
      expect(code).toBe(64)
      expect(stderr.replace(/^created a new store.*\n/, '')).toBe(blockWith(page, 'modles'))
    }))

  it('by config check, of a file with mistakes', () =>
    withRig(async ({ directory, latchkey }) => {
      const lines = ['# all of it', 'log_level: info', 'check_timeout: "2"', '', 'sockets_group: envoy', '']
      await writeFile(join(directory, 'latchkey.yaml'), lines.join('\n'))
      const { code, stderr } = await latchkey('config', 'check', '--config', 'latchkey.yaml')
      expect(code).toBe(64)
      const [, ...shown] = blockWith('docs/configuration.md', 'check_timeout').split(/(?<=\n)/)
      expect(stderr).toBe(shown.join(''))
    }))
})
