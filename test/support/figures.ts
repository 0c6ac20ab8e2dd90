// Keeps the numbers that a test counted, for the page that shows them; without a place to keep them it does nothing.
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'

/** `name` is a phrase, `unit` its plural noun; `command` is what a reader runs to see the figure for himself. */
export type Figure = Readonly<{ name: string; value: number | string; unit?: string; command?: string }>

/** One line in the directory that LATCHKEY_FIGURES names; each process writes its own file. */
export const recordFigure = (figure: Figure): void => {
  const directory = process.env['LATCHKEY_FIGURES']
  if (directory === undefined) return
  appendFileSync(join(directory, `${process.pid}.jsonl`), `${JSON.stringify(figure)}\n`)
}
