/** A queue, first in first out, that takes and gives in constant time. */
export class Fifo<T> {
  #items: (T | undefined)[] = []
  #head = 0

  get size(): number {
    return this.#items.length - this.#head
  }

  push(item: T): void {
    this.#items.push(item)
  }

  peek(): T | undefined {
    return this.#items[this.#head]
  }

  shift(): T | undefined {
    const item = this.#items[this.#head]
    if (this.#head === this.#items.length) return undefined
    this.#items[this.#head++] = undefined
    if (this.#head === this.#items.length) {
      this.#items = []
      this.#head = 0
    } else if (this.#head > 1_024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    return item
  }

  /** Puts items back where they came from: before all others, in their own order. */
  putBack(items: readonly T[]): void {
    const { length } = items
    if (length > this.#head) {
      this.#items = [...items, ...this.#items.slice(this.#head)]
      this.#head = 0
      return
    }
    // Where they were taken from there is room.
    this.#head -= length
    for (let at = 0; at < length; at++) this.#items[this.#head + at] = items[at]
  }

  /** Where many more lie here than the `wanted` ones, only those that `stays` says stay. In constant time, taken all together. */
  sweep(wanted: number, stays: (item: T) => boolean): void {
    if (this.size < 64 || this.size < 2 * wanted) return
    this.#items = this.drain().filter(stays)
  }

  /** Takes all. */
  drain(): T[] {
    const all = this.#items.slice(this.#head) as T[]
    this.#items = []
    this.#head = 0
    return all
  }
}
