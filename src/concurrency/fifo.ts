/** A ring that has grown beyond this is given up when it is empty. */
const largestKept = 1_024

/** A queue, first in first out, that takes and gives in constant time. */
export class Fifo<T> {
  /** A power of two of places. What is taken leaves its own empty: V8 keeps what an array that was outgrown holds for longer than the items live. */
  #ring: (T | undefined)[] = places(16)
  #head = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  push(item: T): void {
    if (this.#size === this.#ring.length) this.#grow(this.#size + 1)
    this.#ring[this.#at(this.#size++)] = item
  }

  peek(): T | undefined {
    return this.#ring[this.#head]
  }

  shift(): T | undefined {
    if (this.#size === 0) return undefined
    const item = this.#ring[this.#head]
    this.#ring[this.#head] = undefined
    this.#head = this.#at(1)
    if (--this.#size === 0 && this.#ring.length > largestKept) this.drain()
    return item
  }

  /** Puts items back where they came from: before all others, in their own order. */
  putBack(items: readonly T[]): void {
    const { length } = items
    if (this.#size + length > this.#ring.length) this.#grow(this.#size + length)
    this.#head = this.#at(this.#ring.length - length)
    this.#size += length
    for (let at = 0; at < length; at++) this.#ring[this.#at(at)] = items[at]
  }

  /** Where many more lie here than the `wanted` ones, only those that `stays` says stay. In constant time, taken all together. */
  sweep(wanted: number, stays: (item: T) => boolean): void {
    if (this.#size < 64 || this.#size < 2 * wanted) return
    for (const item of this.drain().filter(stays)) this.push(item)
  }

  /** Takes all. */
  drain(): T[] {
    const all = this.#all()
    this.#ring = places(16)
    this.#head = 0
    this.#size = 0
    return all
  }

  /** Where the one is that lies so many behind the first. */
  #at(behind: number): number {
    return (this.#head + behind) & (this.#ring.length - 1)
  }

  #all(): T[] {
    return Array.from({ length: this.#size }, (_, behind) => this.#ring[this.#at(behind)] as T)
  }

  #grow(least: number): void {
    const all = this.#all()
    this.#ring = places(2 ** Math.ceil(Math.log2(least)))
    this.#head = 0
    for (let at = 0; at < all.length; at++) this.#ring[at] = all[at]
  }
}

function places(count: number): undefined[] {
  return Array.from({ length: count }, () => undefined)
}
