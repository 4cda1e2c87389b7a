import { stripVTControlCharacters, styleText } from 'node:util'
import { cut, widthOf } from './text.ts'

export interface TableOptions {
  /** How wide it may be: the widest column of words gives way first, then what stands to the right is cut. Default: as wide as it is. */
  readonly width?: number
  /** How many columns, from the left, do not give way: ids are for copying. Default: 0. */
  readonly kept?: number
}

const quantity = /^([-+]?[\d.,]+ ?(x|%|µs|ms|s|\/s)?|\d+[mh] \d+[sm]|–|never)?$/
const narrowest = 8
const gap = '  '

/** Rows under a heading, in columns: quantities to the right. Cells may be styled. */
export function table(heading: readonly string[], rows: readonly (readonly (string | number)[])[], { width = Infinity, kept = 0 }: TableOptions = {}): string {
  const cells = [heading, ...rows].map((row) => row.map(String))
  const right = heading.map((_, column) => rows.length > 0 && rows.every((row) => quantity.test(stripVTControlCharacters(String(row[column])))))
  const widths = fitted(heading.map((_, column) => Math.max(...cells.map((row) => widthOf(row[column]!)))), right.map((stays, column) => stays || column < kept), width)
  const line = (row: readonly string[]): string => row.map((cell, column) => {
    const shown = cut(cell, widths[column]!)
    const space = ' '.repeat(widths[column]! - widthOf(shown))
    return right[column] ? space + shown : shown + space
  }).join(gap).trimEnd()
  return [
    styleText('bold', line(cells[0]!)),
    styleText('dim', widths.map((columns) => '─'.repeat(columns)).join(gap)),
    ...cells.slice(1).map(line)
  ].map((drawn) => cut(drawn, width)).join('\n')
}

/** Widths that sum up to no more than `width`, as far as columns can give way. */
function fitted(wished: readonly number[], stays: readonly boolean[], width: number): number[] {
  const widths = [...wished]
  for (;;) {
    const excess = widths.reduce((sum, columns) => sum + columns + gap.length, -gap.length) - width
    const widest = Math.max(...widths.map((columns, column) => stays[column] ? 0 : columns))
    if (excess <= 0 || widest <= narrowest) return widths
    widths[widths.findIndex((columns, column) => !stays[column] && columns === widest)] = Math.max(narrowest, widest - 1)
  }
}
