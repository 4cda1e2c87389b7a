import { inspect } from 'node:util'

/** Up to this length listing the keys is faster than asking `inspect`. */
const short = 64

/**
 * Fields of an array beside its elements, such as `index` and `groups` of what `String.match` gives: the names of those that are enumerable.
 *
 * Most arrays have none, and are long where it matters: `inspect` asks the engine for just these, whatever the length.
 */
export function fieldsOf(array: readonly unknown[]): readonly string[] {
  const { length } = array
  if (length > short && inspect(array, bare) === `[ ... ${length} more items ]`) return none
  const keys = Object.keys(array)
  if (keys.length === 0 || isElement(keys.at(-1)!, length)) return none // elements come first
  return keys.slice(keys.findIndex((key) => !isElement(key, length)))
}

/** Whether a key is that of an element of an array of this length. */
export function isElement(key: string, length: number): boolean {
  const index = Number(key)
  return index < length && index >= 0 && String(index) === key && Number.isInteger(index)
}

const none: readonly string[] = []

/** Shows no element, and calls nothing that is not the engine's. */
const bare = { maxArrayLength: 0, depth: 0, breakLength: Infinity, compact: true, colors: false, customInspect: false, getters: false, numericSeparator: false }
