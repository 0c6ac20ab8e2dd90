// README.md with its table of figures as it should be: those of every part that was measured at a commit.
import { machine } from '../tools/machine.ts'
import { markdownTable } from '../tools/markdown-table.ts'
import { keptPart } from './kept.ts'
import { percent, rounded } from './statistics.ts'

export const withFigures = (readme: string, commit: string): string => {
  const lane = keptPart(commit, 'lane')?.figures
  const checks = keptPart(commit, 'checks')?.figures
  const quotas = keptPart(commit, 'quotas')?.figures
  const envoy = keptPart(commit, 'envoy')?.figures
  const rows = [
    ...(lane?.throughput ?? []).map(({ name, rate }) => [
      `Checks/s of one core: ${name}`,
      rounded(rate.median),
    ]),
    ...(checks?.checks ?? []).map(({ name, rate }) => [
      `Checks/s of one core: ${name}`,
      rounded(rate.median),
    ]),
    ...(checks?.limited ?? []).map(({ store, rateRatio }) => [
      `Checks/s with an exact limit, of those without one: ${store}`,
      percent(rateRatio.median),
    ]),
    ...(quotas?.mariadb ?? []).map(({ name, grouped, rateRatio }) => [
      `Charges/s, MariaDB, durable: ${name}`,
      `${rounded(grouped.rate.median)}, ${rounded(rateRatio.median)} × the direct form`,
    ]),
    ...(envoy?.figures ?? []).map(({ name, rate }) => [
      `Requests/s through Envoy, one core for it and whom it asks: ${name}`,
      rounded(rate.median),
    ]),
  ]
  if (rows.length === 0) return readme
  const table = markdownTable(
    ['', 'Median', 'Command'],
    rows.map((row) => [...row, '`make bench`']),
  )
  return readme.replace(
    /(<!-- figures:[^\n]*-->\n)[\s\S]*?(<!-- \/figures -->)/,
    (_, begin, end) => `${begin}\n${table}\n\nCommit \`${commit}\` · ${machine()}\n\n${end}`,
  )
}
