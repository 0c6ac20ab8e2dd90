// Globs on model names: `*` stands for any run of characters, everything else for itself.

/** Matches without backtracking over more than one star, so no pattern and no name can make it slow. */
export const matchesGlob = (glob: string, name: string): boolean => {
  let at = 0
  let inGlob = 0
  let star = -1
  let resumeAt = 0
  while (at < name.length) {
    if (glob[inGlob] === '*') {
      star = inGlob
      inGlob += 1
      resumeAt = at
    } else if (glob[inGlob] === name[at]) {
      inGlob += 1
      at += 1
    } else if (star >= 0) {
      inGlob = star + 1
      resumeAt += 1
      at = resumeAt
    } else return false
  }
  while (glob[inGlob] === '*') inGlob += 1
  return inGlob === glob.length
}

export const isGlob = (name: string): boolean => name.includes('*')

// 1 to 256 visible ASCII characters without comma.
const MODEL_NAME = /^[\x21-\x2b\x2d-\x7e]{1,256}$/

/** What a model name may be, in a request and in a rule. */
export const isModelName = (name: string): boolean => MODEL_NAME.test(name)
