// The verifiers that the manual shows, in both languages, asked in the same way.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { ensurePythonSdks } from '../../tools/python-sdks.ts'

export type VerifierOptions = Readonly<{ jwksUrl: string; issuer?: string; audience?: string }>

export type Claims = Readonly<Record<string, unknown>>

/** Rejects what does not verify. */
export type Verify = (headers: Readonly<Record<string, string>>) => Promise<Claims>

export type Verifier = Readonly<{ verify: Verify; close(): Promise<void> }>

/** `cooldownMs` between two questions for keys; of both libraries it is 30 s by itself. */
export const nodeVerifier = async (
  options: VerifierOptions,
  { cooldownMs }: Readonly<{ cooldownMs?: number }> = {},
): Promise<Verifier> => {
  const { createAttestationVerifier }: Example = await import(`${EXAMPLES.href}verify-attestation.mjs`)
  const jwks = cooldownMs === undefined ? undefined : { cooldownDuration: cooldownMs }
  return { verify: createAttestationVerifier({ ...options, jwks }), close: async () => {} }
}

type Example = Readonly<{ createAttestationVerifier(options: object): Verify }>

const EXAMPLES = new URL('../../docs/examples/', import.meta.url)

export const pythonVerifier = async (
  options: VerifierOptions,
  { cooldownMs = 30_000 }: Readonly<{ cooldownMs?: number }> = {},
): Promise<Verifier> => {
  const given = JSON.stringify({ ...options, cooldown_duration: cooldownMs / 1_000 })
  const child = spawn('python3', ['-c', SCRIPT, EXAMPLES.pathname, given], {
    env: { PATH: process.env['PATH'], PYTHONPATH: ensurePythonSdks(), PYTHONDONTWRITEBYTECODE: '1' },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const exited = once(child, 'close')
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    verify: async (headers) => {
      child.stdin.write(`${JSON.stringify(headers)}\n`)
      const { value, done } = await answers.next()
      if (done === true) throw new Error('the verifier ended')
      const { claims, error }: { claims?: Claims; error?: string } = JSON.parse(value)
      if (claims === undefined) throw new Error(error)
      return claims
    },
    close: async () => {
      child.stdin.end()
      await exited
    },
  }
}

/** Anything but an error of the library ends it. */
const SCRIPT = `
import json, sys
sys.path.insert(0, sys.argv[1])
import jwt
from verify_attestation import AttestationVerifier
options = json.loads(sys.argv[2])
verifier = AttestationVerifier(options.pop("jwksUrl"), **options)
for line in sys.stdin:
    try:
        answer = {"claims": verifier.verify(json.loads(line))}
    except jwt.PyJWTError as error:
        answer = {"error": repr(error)}
    print(json.dumps(answer), flush=True)
`
