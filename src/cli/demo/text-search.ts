export interface Found {
  readonly lines: number
  readonly words: number
  readonly different: number
  readonly terms: readonly FoundTerm[]
}

export interface FoundTerm {
  readonly term: string
  /** How many lines hold it. */
  readonly lines: number
  /** The word nearest to it, and how many letters must change. */
  readonly nearest: string
  readonly distance: number
}

/** A text search that forgives typing errors: each term with the lines that hold it, and the word of the text that is nearest to it. */
export function searchFor(terms: readonly string[], text: string): Found {
  const lower = text.toLowerCase()
  const lines = lower.split('\n')
  const words = lower.match(/\p{L}{3,}/gu) ?? []
  const different = [...new Set(words)].sort()
  return {
    lines: lines.length,
    words: words.length,
    different: different.length,
    terms: terms.map((term) => ({ term, lines: lines.filter((line) => line.includes(term)).length, ...nearest(term, different) }))
  }
}

function nearest(term: string, words: readonly string[]): { nearest: string, distance: number } {
  const row = new Uint16Array(term.length + 1)
  let best = { nearest: '', distance: term.length }
  for (const word of words) {
    const distance = editDistance(term, word, row)
    if (distance < best.distance) best = { nearest: word, distance }
  }
  return best
}

/** Insertions, deletions and substitutions from one word to the other (V. I. Levenshtein, 1966), with one row of the table at a time. */
function editDistance(one: string, other: string, row: Uint16Array): number {
  for (let column = 0; column <= one.length; column++) row[column] = column
  for (let line = 1; line <= other.length; line++) {
    const letter = other.charCodeAt(line - 1)
    let diagonal = row[0]!
    row[0] = line
    for (let column = 1; column <= one.length; column++) {
      const above = row[column]!
      row[column] = Math.min(above + 1, row[column - 1]! + 1, diagonal + (one.charCodeAt(column - 1) === letter ? 0 : 1))
      diagonal = above
    }
  }
  return row[one.length]!
}
