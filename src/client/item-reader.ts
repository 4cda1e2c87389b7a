import { types } from 'node:util'
import { Source } from '../concurrency/source.ts'
import { systemClock } from '../kernel/clock.ts'
import { type TypedArray, isTyped } from '../wire/value-batch.ts'

/** Some items that follow each other, in a list that holds more. Those of the list of a caller are read when they are sent. */
export interface Items {
  readonly list: ArrayLike<unknown>
  readonly from: number
  readonly to: number
}

/** Reads a source, many items at a time. */
export interface ItemReader {
  /** How many are yet to be read, where that is known. */
  readonly left: number | undefined
  /** All was read. */
  readonly ended: boolean
  /** What the source threw, behind all its items. */
  readonly failure: { readonly error: unknown } | undefined
  /** The next ones: as many as there are by now, if at least one is wanted at once, else as many as are asked for. */
  take(most: number, atOnce: boolean): Items | undefined
  close(): void
}

/** @param came items that were waited for are here, or will not come */
export function readerOf(source: Iterable<unknown> | AsyncIterable<unknown>, came: () => void): ItemReader {
  return isList(source) ? new ListReader(source) : new SourceReader(source, came)
}

/** Whether its iterator gives what its indexes do. */
function isList(source: unknown): source is readonly unknown[] | TypedArray {
  if (typeof source !== 'object' || source === null || types.isProxy(source)) return false
  // oxlint-disable-next-line typescript/unbound-method -- compared, not called
  const iterator = Symbol.iterator in source && !(Symbol.asyncIterator in source) ? source[Symbol.iterator] : undefined
  return (Array.isArray(source) && iterator === Array.prototype.values) || (isTyped(source) && iterator === Uint8Array.prototype.values)
}

class ListReader implements ItemReader {
  readonly failure: undefined
  readonly #list: ArrayLike<unknown>
  #at = 0
  #closed = false

  constructor(list: readonly unknown[] | TypedArray) {
    this.#list = list
  }

  /** As an iterator does, it sees what is added meanwhile. */
  get left(): number {
    return this.#closed ? 0 : Math.max(0, this.#list.length - this.#at)
  }

  get ended(): boolean {
    return this.left === 0
  }

  take(most: number): Items | undefined {
    const from = this.#at
    const to = from + Math.min(most, this.left)
    this.#at = to
    return from === to ? undefined : { list: this.#list, from, to }
  }

  close(): void {
    this.#closed = true
  }
}

/** So long at most, in milliseconds, it reads what comes at once: others are to have their turn, and workers something to do. */
const longestRead = 1

/** The clock is not read for each item. */
const lookEvery = 32

class SourceReader implements ItemReader {
  readonly left: undefined
  failure: { readonly error: unknown } | undefined
  readonly #source: Source<unknown>
  #items: unknown[] = []

  constructor(source: Iterable<unknown> | AsyncIterable<unknown>, came: () => void) {
    this.#source = new Source(source, (item) => this.#items.push(item), (error) => { this.failure = { error } }, came)
  }

  get ended(): boolean {
    return this.#source.ended && this.#items.length === 0
  }

  take(most: number, atOnce: boolean): Items | undefined {
    this.#read(most)
    const { length } = this.#items
    if (length === 0 || (length < most && !atOnce && this.#source.pulling)) return undefined
    const list = length <= most ? this.#items : this.#items.slice(0, most)
    this.#items = length <= most ? [] : this.#items.slice(most)
    return { list, from: 0, to: list.length }
  }

  close(): void {
    this.#items = []
    this.#source.close()
  }

  #read(most: number): void {
    const until = systemClock.elapsed() + longestRead
    for (let read = 1; this.#items.length < most && !this.#source.ended && !this.#source.pulling; read++) {
      this.#source.pull()
      // The first ones tell whether it is slow.
      if ((read < 4 || read % lookEvery === 0) && systemClock.elapsed() > until) return
    }
  }
}
