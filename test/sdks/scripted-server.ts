// The real server around decisions that a case makes up, told by the header in which an SDK sends the case's name.
import type { Allow, Decision } from '../../src/check/decision.ts'
import type { GrpcServer } from '../../src/grpc/server.ts'
import { startCheckServer } from '../support/check-server.ts'
import { aKey } from '../support/virtual-keys.ts'
import { CASE_HEADER } from './sdk-call.ts'
import type { Script } from './sdk-cases.ts'
import { SDK_CASES } from './sdk-cases.ts'

export const startScriptedServer = (): Promise<GrpcServer> => {
  const seen = new Map<string, Readonly<{ count: number; firstMs: number }>>()
  return startCheckServer(
    async (request): Promise<Decision> => {
      if (request === undefined) throw new Error('a Check without attributes')
      const { headers, path } = request
      const name = headers.get(CASE_HEADER)?.[0] ?? ''
      const nowMs = performance.now()
      const before = seen.get(name) ?? { count: 0, firstMs: nowMs }
      const { count, firstMs } = { ...before, count: before.count + 1 }
      seen.set(name, { count, firstMs })
      return scriptOf(name)(count, nowMs - firstMs) ?? allowed(path)
    },
    {
      checkTimeoutMs: PATIENCE_S * 1_000,
      credentialHeaders: ['authorization', 'x-api-key', 'api-key', 'x-goog-api-key'],
    },
  )
}

/** Nothing here is about deadlines: a Check that comes too late on a busy machine would be one more that is retried. */
export const PATIENCE_S = 60

const scriptOf = (name: string): Script => {
  const one = SDK_CASES.find((each) => name.endsWith(`: ${each.name}`))
  if (one?.by !== 'script') throw new Error(`nothing is scripted for ${name}`)
  return one.decide
}

const routeOf = (path: string): string => {
  if (path.startsWith('/v1/messages')) return 'anthropic'
  return path.includes('/models/') ? 'gemini' : 'openai'
}

const allowed = (path: string): Allow => ({
  outcome: 'allow',
  key: aKey(),
  model: undefined,
  route: routeOf(path),
  guardrails: [],
  policies: [],
  limits: [],
  wouldDeny: undefined,
  near: [],
  failedOpen: false,
})
