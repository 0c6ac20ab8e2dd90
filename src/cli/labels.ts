// The options by which keys and owners are labelled, and found by their labels.
import type { Command } from 'commander'
import { Option } from 'commander'
import { Rejection } from '../kernel/failure.ts'
import type { Labels } from '../keys/virtual-key.ts'
import { repeatable } from './rules-options.ts'

export type LabelFlags = Readonly<{ label?: readonly string[]; clearLabels?: boolean }>

export const labelOption = (): Option => repeatable('--label <name=value>', 'label it, such as team=search')

export const addLabelChangeOptions = (command: Command): Command =>
  command
    .addOption(labelOption())
    .addOption(new Option('--clear-labels', 'bear no label any more').conflicts('label'))

export const labelFilterOption = (): Option =>
  repeatable('--label <name[=value]>', 'only those with this label')

export const labelsOf = ({ label = [] }: LabelFlags): Labels => once(label.map(parseLabel))

/** Only what was given: labels are replaced as a whole, as lists are. */
export const labelChangeOf = (flags: LabelFlags): { labels?: Labels } =>
  flags.label === undefined && flags.clearLabels !== true ? {} : { labels: labelsOf(flags) }

/** An undefined value stands for any. */
export const labelFilterOf = (label: readonly string[] = []): Readonly<Record<string, string | undefined>> =>
  once(label.map((text) => (text.includes('=') ? parseLabel(text) : [text, undefined])))

const once = <T>(labels: readonly (readonly [name: string, value: T])[]): Readonly<Record<string, T>> => {
  const twice = labels.find(([name], index) => labels.findIndex(([other]) => other === name) < index)
  if (twice !== undefined) throw new Rejection('invalid', `--label ${twice[0]} is given twice`)
  return Object.fromEntries(labels)
}

const parseLabel = (text: string): readonly [name: string, value: string] => {
  const at = text.indexOf('=')
  if (at < 1) throw new Rejection('invalid', `--label ${JSON.stringify(text)} must be NAME=VALUE`)
  return [text.slice(0, at), text.slice(at + 1)]
}
