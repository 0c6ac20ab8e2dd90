// What the program tells when it starts, and when it cannot.
import { readFileSync } from 'node:fs'
import { metrics } from '@opentelemetry/api'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import { expect, test, vi } from 'vitest'
import { startApp } from '../../src/app.ts'
import { exitCodeOf } from '../../src/cli/exit-code.ts'
import { loadConfig } from '../../src/config.ts'
import { anApp, mintSecret } from '../support/app-rig.ts'
import { aDirectory, onClose } from '../support/closing.ts'
import { until } from '../support/until.ts'

test('the manual tells every name on the metrics page', async () => {
  const { app, ask } = await anApp({ health_listen: '127.0.0.1:0' })
  const page = async () => (await fetch(`http://${app.healthAddress}/metrics`)).text()
  await ask(mintSecret())
  await until(async () => /^latchkey_feed_staleness/m.test(await page()))
  const names = [...(await page()).matchAll(/^# TYPE (latchkey_\S+)/gm)].map(([, name]) => name)
  const manual = readFileSync('docs/telemetry.md', 'utf8')
  expect(names.length).toBeGreaterThan(10)
  expect(names.filter((name) => !manual.includes(`\`${name}\``))).toEqual([])
})

test('why it cannot start is told as such when what was opened cannot be closed either', async () => {
  const shutdown = vi
    .spyOn(MeterProvider.prototype, 'shutdown')
    .mockRejectedValueOnce(new Error('it stays open'))
  onClose(() => {
    shutdown.mockRestore()
    metrics.disable()
  })
  const directory = await aDirectory()
  const config = loadConfig(
    {
      database_url: `sqlite:${directory}/store.db`,
      listen: `unix:${directory}/s`,
      socket_group: 'no-such-group',
      health_listen: '127.0.0.1:0',
    },
    {},
  )
  const log: string[] = []
  const error = await startApp(config, { logTo: { write: (line) => log.push(line) } }).catch(
    (thrown: unknown) => thrown,
  )
  expect([exitCodeOf(error), error]).toMatchObject([64, { message: expect.stringMatching(/no group/) }])
  expect(shutdown).toHaveBeenCalledOnce()
  expect(log.filter((line) => /could be closed.*|it stays open/.test(line))).toHaveLength(1)
})
