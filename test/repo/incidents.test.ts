// Every incident that Latchkey promises not to repeat is looked up by its number: each stands in the name of a test.
import { globSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

/** Threads of one kind of incident; what has no number goes by the name of where it happened. */
const INCIDENTS: Readonly<Record<string, string>> = {
  'parallel requests overspend':
    'LiteLLM #23714 #26672 #34732 #40095 #6938, one-api #2440, new-api #6609, Bifrost #3547',
  'holds leak, or count twice': 'LiteLLM #27639 #27735 #35569 #36926 #40050 #30519 #30522 #29493',
  'refused calls consume': 'envoyproxy/ratelimit #185, LiteLLM #39309',
  'budgets reset late, wrongly, by a job': 'LiteLLM #5651 #7129 #8364 #13202 #22013 #24675 #34270',
  'limits multiply with replicas': 'LiteLLM #2730 #4148 #13202 #18518, Kong #5954',
  'a revoked key keeps working elsewhere': 'LiteLLM #1775 #2149 #9820 #33560, Kong #3836, Tyk #2293',
  'a slow cache fill brings a revoked key back': 'LiteLLM #25553, solana-developer-platform #1214',
  'invalidations lost': 'Gravitino #12377 #11736, Kong #8176 #5247',
  'an outage answered as 401': 'LiteLLM #29986 #34479 #38121',
  'an outage ejects every pod': 'LiteLLM #34929 #34934',
  'strict mode fails open when it cannot write': 'LiteLLM #33923, Bifrost GHSA-vj9g-7rqh-x2p4',
  'a thundering herd': 'Authorino #663, opencomputer #671',
  'an injectable key look-up': 'LiteLLM CVE-2026-42208',
  'a cache keyed by a prefix of the token': 'LiteLLM CVE-2026-35030',
  'a key of another form skips authentication': 'Bifrost #2904',
  'a path parsed as a URL': 'OPA-Envoy CVE-2026-26205',
  'a repeated header': 'Envoy CVE-2021-32777 CVE-2026-26308',
  'one guardrail named, the others off': 'LiteLLM #33944, mlflow #22306',
  'an unknown guardrail skipped': 'TianjiLLM, an unknown guardrail',
  'controls stored, never enforced': 'TianjiLLM, controls; langwatch #772',
  "an empty team list wipes the key's": 'LiteLLM #2651 #14049 #16025',
  'rotation breaks callers': 'LiteLLM #13579 #27193 #38351',
  'floods of invalid keys, error bodies that leak': 'LiteLLM #26729 #42690 #39787 #40217',
  'a wrong status, no hint of the reset': 'LiteLLM #4139 #5957 #11083 #37044',
  'cleanup saturates the database': 'LiteLLM #15081 #29342 #36594',
  'memory and labels grow': 'LiteLLM #12685 #38193, envoyproxy/ratelimit #275 #1132, limitador #71 #295',
  'cancelled calls kill a connection': 'grpc-node #2872, Node #51585',
  'a WHERE clause that removed everything': 'Unkey',
  'usage lost with the access log': 'Envoy #39831 #40806',
  'orphan spans': 'opa-envoy-plugin #681',
}

/** Every text in the suite that stands in quotes, comments left out: names of tests are such. */
const names = globSync('test/incidents/*.test.ts')
  .flatMap((path) => readFileSync(path, 'utf8').split('\n'))
  .filter((line) => !/^\s*(\/\/|\*|\/\*)/.test(line))
  .flatMap((line) => [...line.matchAll(/(['"`])((?:(?!\1).)*)\1/g)].map(([, , text = '']) => text))

it.each(Object.entries(INCIDENTS))('%s: each thread is in the name of a test', (_, threads) => {
  const missing = threads.split(/[,;] /).flatMap((group) => {
    const [project = '', ...numbers] = group.split(' ')
    return numbers.some(isNumber)
      ? numbers.filter((number) => isNumber(number) && !names.some((name) => isIn(name, project, number)))
      : names.some((name) => name.includes(project))
        ? []
        : [project]
  })
  expect(missing).toEqual([])
})

const isNumber = (word: string): boolean => /^(#\d+|CVE-|GHSA-)/.test(word)

/** The number stands behind its project's name, with nothing but other numbers between them. */
const isIn = (name: string, project: string, number: string): boolean =>
  name.split(/[,:;] /).some((part) => part.startsWith(project) && part.split(' ').includes(number))
