import { inspect, stripVTControlCharacters, styleText } from 'node:util'

/** Values that JSON lacks, as what comes nearest: a BigInt as text, a Map as an object or pairs, a Set or typed array as an array, an Error with its fields, a cycle as a word. */
export function toJson(value: unknown): string {
  // What the value at hand is inside of: as it was, and as it is shown.
  const around: { readonly held: unknown, readonly shown: unknown }[] = []
  return JSON.stringify(value, function (this: unknown, _key, held: unknown) {
    while (around.length > 0 && around.at(-1)!.shown !== this) around.pop()
    if (around.some((outer) => outer.held === held)) return '[Circular]'
    const shown = plain(held)
    if (typeof shown === 'object' && shown !== null) around.push({ held, shown })
    return shown
  }) ?? 'null'
}

function plain(held: unknown): unknown {
  if (typeof held === 'bigint') return String(held)
  if (held instanceof Map) return [...held.keys()].every((key) => typeof key === 'string') ? Object.fromEntries(held) : [...held]
  if (held instanceof Set) return [...held]
  if (ArrayBuffer.isView(held) && !(held instanceof DataView)) return Array.from(held as unknown as ArrayLike<number>)
  if (held instanceof Error) return { ...Object.fromEntries(Object.entries(held)), name: held.name, message: held.message }
  return held
}

/** A result for people: text as it is, anything else as Node shows it. */
export function toText(value: unknown): string {
  return typeof value === 'string' ? value : inspect(value, { depth: 6, maxArrayLength: 20, colors: process.stdout.isTTY })
}

const quantity = /^([-+]?[\d.,]+ ?(x|%|µs|ms|s)?|\d+[mh] \d+[sm]|–|never)?$/

/** Rows under a heading, in columns: quantities to the right. Cells may be styled. */
export function table(heading: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = [heading, ...rows].map((row) => row.map(String))
  const widths = heading.map((_, column) => Math.max(...cells.map((row) => seen(row[column]!).length)))
  const right = heading.map((_, column) => rows.length > 0 && rows.every((row) => quantity.test(seen(String(row[column])))))
  const line = (row: readonly string[]): string => row.map((cell, column) => {
    const gap = ' '.repeat(widths[column]! - seen(cell).length)
    return right[column] ? gap + cell : cell + gap
  }).join('  ').trimEnd()
  return [
    styleText('bold', line(cells[0]!)),
    styleText('dim', widths.map((width) => '─'.repeat(width)).join('  ')),
    ...cells.slice(1).map(line)
  ].join('\n')
}

function seen(cell: string): string {
  return stripVTControlCharacters(cell)
}
