// The bench tells what a Check costs by phase: every file that a Check passes through has one.
import { globSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { partsOfPhases, phaseOfPlace } from '../../bench/phases.ts'

const REST = 'the rest of Latchkey'
/** What no Check passes through: it serves other calls, or the start. */
const BESIDE =
  /^src\/grpc\/(file-descriptors|health|reflection|reset-guard|server|socket-file|tls-|transport)/

const files = globSync('src/{grpc,check,keys,policy,quota,kernel,store,telemetry}/**/*.ts')
  .filter((path) => !BESIDE.test(path))
  .sort()

describe('the phases of a Check', () => {
  it('leave no file out that a Check passes through', () => {
    expect(files.length).toBeGreaterThan(100)
    expect(files.filter((path) => phaseOfPlace(path) === REST)).toEqual([])
  })

  it('sum up to all that was not idle', () => {
    const url = (path: string) => pathToFileURL(resolve(path)).href
    const node = (id: number, functionName: string, path: string) => ({
      id,
      callFrame: { functionName, url: path === '' || path.startsWith('node:') ? path : url(path) },
    })
    const parts = partsOfPhases({
      nodes: [
        node(1, '(idle)', ''),
        node(2, '(garbage collector)', ''),
        node(3, 'take', 'src/grpc/lane/frame-reader.ts'),
        node(4, 'onread', 'node:internal/stream_base_commons'),
        node(5, 'end', 'node_modules/@grpc/grpc-js/build/src/server.js'),
        node(6, 'other', 'node_modules/other/index.js'),
      ],
      samples: [1, 2, 3, 4, 3, 5, 6],
      timeDeltas: [1_000, 10, 20, 30, 20, 10, 10],
    })
    const told = [...parts].filter(([, part]) => part > 0)
    expect(Object.fromEntries(told)).toEqual({
      'framing: HTTP/2': 0.5,
      'garbage collection': 0.1,
      'system calls and sockets: Node’s own': 0.3,
      [REST]: 0.1,
    })
  })
})
