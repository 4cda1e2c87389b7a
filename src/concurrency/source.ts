/** Where items come from, sync or async, read one at a time. What it throws comes in its turn, as an item would. */
export class Source<Item> {
  readonly #items: Iterator<Item> | AsyncIterator<Item>
  readonly #taken: (item: Item) => void
  readonly #failed: (error: unknown) => void
  readonly #settled: () => void
  #pulling = false
  #ended = false

  /** @param settled the item that was asked for is here, or there is none */
  constructor(items: Iterable<Item> | AsyncIterable<Item>, taken: (item: Item) => void, failed: (error: unknown) => void, settled: () => void) {
    this.#items = iteratorOf(items)
    this.#taken = taken
    this.#failed = failed
    this.#settled = settled
  }

  /** It has no more items, or failed. */
  get ended(): boolean {
    return this.#ended
  }

  /** An item was asked for, and is not here yet. */
  get pulling(): boolean {
    return this.#pulling
  }

  /** Asks for the next item. */
  pull(): void {
    const take = (next: IteratorResult<Item>): void => {
      if (next.done) this.#ended = true
      else this.#taken(next.value)
    }
    const fail = (error: unknown): void => {
      this.#ended = true
      this.#failed(error)
    }
    try {
      const next = this.#items.next()
      if (!isPromiseLike(next)) return take(next)
      this.#pulling = true
      // What comes once it is closed nobody asked for.
      Promise.resolve(next).then((result) => { if (!this.#ended) take(result) }).catch((error: unknown) => { if (!this.#ended) fail(error) }).finally(() => {
        this.#pulling = false
        this.#settled()
      })
    } catch (error) {
      fail(error)
    }
  }

  /** Not waited for: a generator that is busy with `next` closes after that, perhaps never. */
  close(): void {
    if (this.#ended) return
    this.#ended = true
    closeQuietly(this.#items)
  }
}

function isPromiseLike<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === 'object' && value !== null && 'then' in value
}

export function isAsync<Item>(items: Iterable<Item> | AsyncIterable<Item>): items is AsyncIterable<Item> {
  // A text is a source too.
  return Symbol.asyncIterator in Object(items)
}

export function iteratorOf<Item>(items: Iterable<Item> | AsyncIterable<Item>): Iterator<Item> | AsyncIterator<Item> {
  return isAsync(items) ? items[Symbol.asyncIterator]() : items[Symbol.iterator]()
}

/** What it throws hides no error that is on its way. */
export function closeQuietly(items: Iterator<unknown> | AsyncIterator<unknown>): void {
  try {
    Promise.resolve(items.return?.()).catch(() => {})
  } catch {}
}
