/** A binary heap: the first item by `before` is found at once, and taken in logarithmic time. */
export class Heap<T> {
  readonly #items: T[] = []
  readonly #before: (a: T, b: T) => boolean

  constructor(before: (a: T, b: T) => boolean) {
    this.#before = before
  }

  peek(): T | undefined {
    return this.#items[0]
  }

  push(item: T): void {
    const items = this.#items
    // First where it belongs, then what makes room: a comparison that throws leaves everything where it was.
    const path: number[] = [items.length]
    for (let at = items.length; at > 0 && this.#before(item, items[(at - 1) >> 1]!); at = (at - 1) >> 1) path.push((at - 1) >> 1)
    for (let step = 0; step + 1 < path.length; step++) items[path[step]!] = items[path[step + 1]!]!
    items[path.at(-1)!] = item
  }

  pop(): T | undefined {
    const items = this.#items
    const first = items[0]
    const last = items.pop()
    if (items.length === 0 || last === undefined) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= items.length) break
      if (child + 1 < items.length && this.#before(items[child + 1]!, items[child]!)) child++
      if (!this.#before(items[child]!, last)) break
      items[at] = items[child]!
      at = child
    }
    items[at] = last
    return first
  }

  /** In no order. */
  [Symbol.iterator](): Iterator<T> {
    return this.#items[Symbol.iterator]()
  }
}
