// Where a YAML text is nested more deeply than its parser can follow.

type Most = Readonly<{ open: number; begun: number; indented: number }>

/** Far more than any setting takes. */
const MOST: Most = { open: 16, begun: 64, indented: 256 }

/**
 * The line on which so many brackets are open, or so much is indented or begun, that the parser's own depth would be tried. Brackets
 * in texts count too: no setting holds so many.
 */
export const firstTooDeep = (source: string, most = MOST): number | undefined => {
  let open = 0
  for (const [index, line] of source.split(/\r\n|\r|\n/).entries()) {
    if (line.trimStart().startsWith('#')) continue
    for (const character of line)
      if (character === '[' || character === '{') open += 1
      else if ((character === ']' || character === '}') && open > 0) open -= 1
    const begun = (line.match(/[-?:](?=\s)/g) ?? []).length
    const indented = /^[ ]*/.exec(line)?.[0].length ?? 0
    if (open > most.open || begun > most.begun || indented > most.indented) return index + 1
  }
  return undefined
}
