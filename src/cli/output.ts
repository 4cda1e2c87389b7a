import { inspect } from 'node:util'

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

/** `1 job`, `2 jobs`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}
