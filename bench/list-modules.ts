// Preloaded into a process that is measured: writes the name of each file that is loaded into the file that it is told.
import { appendFileSync } from 'node:fs'
import { registerHooks } from 'node:module'

const list = process.env['BENCH_LOADED_MODULES']

if (list !== undefined)
  registerHooks({
    load: (url, context, nextLoad) => {
      if (url.startsWith('file:')) appendFileSync(list, `${url}\n`)
      return nextLoad(url, context)
    },
  })
