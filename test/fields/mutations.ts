// Each enforcement, and how the source reads without it: the rows of the table that must fail then.

export type Mutation = Readonly<{
  /** What is gone. */
  without: string
  edits: readonly Edit[]
  /** By name: each of these fails, and there is one. */
  fails: RegExp
  /** Where they are, when not in the table. */
  file?: string
}>

/** The text stands once in the file. */
export type Edit = readonly [path: string, text: string, becomes: string]

const KEY = 'src/keys/virtual-key.ts'
const POLICY = 'src/policy/policy.ts'
const RESTRICTIONS = 'src/policy/restrictions.ts'
const HOURS = 'src/policy/hours.ts'
const ADMISSION = 'src/check/admission.ts'
const CHARGE = 'src/check/charge-quotas.ts'
const LOOK_UP = 'src/store/look-up-statement.ts'
const SHADOW = 'src/check/shadow.ts'
const WINDOW = 'src/quota/window.ts'
const HEADERS = 'src/grpc/upstream-headers.ts'

const without = (what: string, fails: RegExp, ...edits: readonly Edit[]): Mutation => ({
  without: what,
  edits,
  fails,
})

const OF_KEYS: readonly Mutation[] = [
  without('not-before', /^key notBeforeMs/, [KEY, 'now() < key.notBeforeMs', 'now() < 0']),
  without('expiry', /^key expiresAtMs/, [KEY, 'now() >= key.expiresAtMs', 'now() < 0']),
  without('disabled keys', /^key disabled/, [KEY, "if (key.disabled) return 'key_disabled'", '']),
  without('revocation', /^key revoked/, [KEY, "if (key.revoked) return 'revoked'", '']),
  without('disabled owners', /^owner disabled/, [KEY, '(owner) => owner.disabled', '() => false']),
  without('disabled owners of owners', /^owner disabled, the (parent|grandparent)/, [
    KEY,
    'key.owners.some((owner)',
    'key.owners.slice(0, 1).some((owner)',
  ]),
  without('the end of a secret that is remembered', /^secret's grace/, [
    KEY,
    'now() >= key.secretUntilMs',
    'now() < 0',
  ]),
  without(
    'the end of a secret',
    /^secret's/,
    [KEY, 'now() >= key.secretUntilMs', 'now() < 0'],
    [LOOK_UP, '(s.not_after IS NULL OR s.not_after > ${now})', '${now} > 0'],
  ),
  without('unknown keys', /^key digest/, [LOOK_UP, 'ON s.hash IN (', 'ON s.hash NOT IN (']),
  without(
    'status, for keys in shadow mode',
    /^(key (notBefore|expires|disabled|revoked)|owner dis).*, although/,
    ['src/check/check.ts', 'if (unusable !== undefined)', 'if (unusable !== undefined && !known.key.shadow)'],
  ),
]

const OF_HOLDERS: readonly Mutation[] = [
  without('rules of keys', /^rule .* of the key$|^key shadow$/, [ADMISSION, '[key.rules, ...', '[...']),
  without(
    'rules of owners',
    /^rule .* of the (owner|parent|grandparent)$|^rule .* and owner$|^key ownerPath/,
    [ADMISSION, '...key.owners.map(({ rules }) => rules)', ''],
  ),
  without('rules of the second owner', /^rule .* of the (parent|grandparent)$/, [
    ADMISSION,
    '...key.owners.map(',
    '...key.owners.slice(0, 1).map(',
  ]),
  without('rules of the third owner', /^rule .* of the grandparent$/, [
    ADMISSION,
    '...key.owners.map(',
    '...key.owners.slice(0, 2).map(',
  ]),
  without('policies', /^rule .* by a policy|^rule policies|^policy shadow of|^policy guardrails/, [
    POLICY,
    '= [...holders, ...policies]',
    '= [...holders]',
  ]),
]

const OF_RULES: readonly Mutation[] = [
  without('lists of models', /^rule (models|policies)|^key (ownerPath|shadow$)|^policy shadow of/, [
    POLICY,
    'allowLists.every(',
    'allowLists.concat().fill(["*"]).every(',
  ]),
  without('denied models', /^rule deniedModels/, [POLICY, '!deniedModels.some(', '![""].some(']),
  without('denied models in other letters', /^rule deniedModels/, [POLICY, 'glob.toLowerCase()', 'glob']),
  without('lists of paths', /^rule paths \((path|method|emptiness)/, [
    RESTRICTIONS,
    '!admitsTarget(rules, target)',
    'rules === undefined',
  ]),
  without('methods', /^rule (paths|deniedPaths) \(method/, [
    'src/policy/path-pattern.ts',
    'pattern.method === undefined || pattern.method === method',
    "method !== ''",
  ]),
  without('denied paths', /^rule deniedPaths/, [
    RESTRICTIONS,
    'denied.find(({ rules }) => deniesTarget(rules, target))',
    'undefined',
  ]),
  without('doubt about paths', /^rule paths, of one/, [
    RESTRICTIONS,
    'isAmbiguousPath(target.path)',
    "isAmbiguousPath('/')",
  ]),
  without('lists of networks', /^rule networks/, [
    RESTRICTIONS,
    '!rules.hold(address)',
    'rules === undefined',
  ]),
  without('denied networks', /^rule deniedNetworks/, [
    RESTRICTIONS,
    'denied.find(({ rules }) => rules.hold(address))',
    'undefined',
  ]),
  without('hours', /^rule hours/, [RESTRICTIONS, '!isWithin(rules, nowMs)', 'rules === undefined']),
  without('days', /^rule hours \(day/, [
    HOURS,
    'return days.has(today) && minute >= fromMinute && minute < toMinute',
    'return minute >= fromMinute && minute < toMinute',
  ]),
  without('zones of hours', /^rule hours \(zone/, [
    HOURS,
    'wallMinute(zone, nowMs)',
    "wallMinute('UTC', nowMs)",
  ]),
  without('guardrails', /^rule guardrails|^model guardrails|^(key|policy) guardrails, although/, [
    'src/policy/guardrail.ts',
    '!enforced.includes(name)',
    'enforced === undefined',
  ]),
  without('what an upstream enforces', /^model guardrails/, [
    'src/policy/guardrail.ts',
    '(routed?.guardrails ?? [])',
    'required',
  ]),
  without('the catalogue', /^model name/, [
    ADMISSION,
    '(registry.catalogue.isEmpty || routed !== undefined)',
    '(registry.catalogue.isEmpty || true)',
  ]),
]

const OF_SHADOW: readonly Mutation[] = [
  without('shadow mode of keys', /^key shadow/, [SHADOW, '(shadowMode || key.shadow)', 'shadowMode']),
  without('shadow mode of policies', /^policy shadow/, [
    POLICY,
    'if (!policies.some(({ shadow }) => shadow)) return all',
    'if (policies.length >= 0) return all',
  ]),
  without('the end of shadow mode', /^key shadow$/, [SHADOW, '(shadowMode || key.shadow)', 'true']),
  without(
    'the end of shadow mode of policies',
    /^policy shadow of/,
    [POLICY, '!policies.some(({ shadow }) => shadow)', 'policies.length === 0'],
    [POLICY, 'policy.shadow ? {', 'policies.length > 0 ? {'],
  ),
  without('free passage in shadow mode of keys', /^key shadow is told/, [
    ADMISSION,
    'model, routed, charged: false }',
    'model, routed, charged: true }',
  ]),
  without('charges of what a policy in shadow mode would refuse', /^policy shadow is told/, [
    ADMISSION,
    '{ ...admitted, wouldDeny: wouldBe }',
    '{ ...admitted, charged: false, wouldDeny: wouldBe }',
  ]),
  // Either would do by itself.
  without(
    'guardrails in shadow mode',
    /^key guardrails, although/,
    [SHADOW, 'SHADOWED.has(reason)', "reason !== 'invalid_key'"],
    [ADMISSION, 'missing !== undefined', 'missing !== undefined && charged'],
  ),
  without('guardrails of policies in shadow mode', /^policy guardrails, although/, [
    POLICY,
    '...NO_POLICY_RULES, guardrails: policy.guardrails',
    '...NO_POLICY_RULES',
  ]),
]

const PERIODS = ['minute', 'hour', 'day', 'week', 'month', 'total']

const OF_LIMITS: readonly Mutation[] = [
  without('limits', /^limit (?!zone)/, [CHARGE, 'quotas.length === 0) return', 'quotas.length >= 0) return']),
  without('limits of keys', /^limit .* of the key( is|$)/, [
    CHARGE,
    'key.quotas.length > 0 ? key.quotas :',
    '',
  ]),
  without('limits of owners', /^limit .* of the (owner|parent|grandparent)/, [CHARGE, ', ...ofOwners]', ']']),
  without('limits of owners of owners', /^limit .* of the (parent|grandparent)/, [
    CHARGE,
    'key.owners.flatMap(',
    'key.owners.slice(0, 1).flatMap(',
  ]),
  ...PERIODS.map((period) =>
    without(`limits of a ${period}`, new RegExp(`^limit (requests/|amount per )${period} `), [
      CHARGE,
      ', ...ofOwners]\n',
      `, ...ofOwners].filter(({ period }) => period !== '${period}')\n`,
    ]),
  ),
  without('the reason of a minute', /minute of/, [CHARGE, "quota.period === 'minute' ?", 'false ?']),
  without('zones of days, weeks and months', /^limit zone turns the (day|week|month)/, [
    WINDOW,
    'startMs: dayBegins(zone, first), endMs: dayBegins(zone, next)',
    "startMs: dayBegins('UTC', first), endMs: dayBegins('UTC', next)",
  ]),
  without('zones of hours of limits', /^limit zone turns the hour/, [
    WINDOW,
    'hourOf(zone, nowMs)',
    "hourOf('UTC', nowMs)",
  ]),
]

const OF_WHAT_IS_TOLD: readonly Mutation[] = [
  without('the owner upstream', /^told path/, [HEADERS, 'key.owners[0]?.path', 'key.name']),
  without('the route upstream', /^model route/, [HEADERS, '({ route }) => route', '() => undefined']),
  without('policies upstream', /^policy name/, [HEADERS, "policies.join(',')", "policies.join(';')"]),
  without('labels', /^told labels/, [
    'src/grpc/check-response.ts',
    'Object.entries(key?.labels ?? {})',
    "Object.entries(key?.labels ?? {}).filter(([name]) => name === '')",
  ]),
  without('names', /^told name/, ['src/store/books/key-book.ts', 'change.name === undefined', 'true']),
]

const ELSEWHERE: readonly Mutation[] = [
  {
    ...without('unknown guardrails', /an unknown guardrail/, [
      ADMISSION,
      'requirements.unresolved !== undefined',
      'requirements === undefined',
    ]),
    file: 'test/incidents/guardrails.test.ts',
  },
  {
    ...without('the depth in x-forwarded-for', /forwarded_for_depth/, [
      'src/check/client-address.ts',
      'entries?.at(-depth)',
      'entries?.at(0)',
    ]),
    file: 'test/app/settings.test.ts',
  },
  {
    ...without('fail modes', /fail_open_burst/, [CHARGE, "failMode === 'closed'", 'failMode !== undefined']),
    file: 'test/app/settings.test.ts',
  },
]

export const MUTATIONS: readonly Mutation[] = [
  ...OF_KEYS,
  ...OF_HOLDERS,
  ...OF_RULES,
  ...OF_SHADOW,
  ...OF_LIMITS,
  ...OF_WHAT_IS_TOLD,
  ...ELSEWHERE,
]
