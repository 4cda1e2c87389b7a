/** Who listens for jobs of which queues; wakes each once per tick, however much happens in it. */
export class Listeners {
  readonly #wakes = new Map<object, { readonly queues: ReadonlySet<string>, readonly wake: () => void }>()
  readonly #news = new Set<string>()
  #queued = false

  get size(): number {
    return this.#wakes.size
  }

  listen(queues: readonly string[], wake: () => void): Disposable {
    const key = {}
    this.#wakes.set(key, { queues: new Set(queues), wake })
    return { [Symbol.dispose]: () => void this.#wakes.delete(key) }
  }

  /** Wakes whoever listens to one of `queues`, soon: after the work that is going on. */
  tell(queues: Iterable<string>): void {
    for (const queue of queues) this.#news.add(queue)
    if (this.#queued || this.#news.size === 0) return
    this.#queued = true
    queueMicrotask(() => this.#flush())
  }

  /** Wakes whoever listens to anything, as `tell`. */
  tellAll(): void {
    for (const { queues } of this.#wakes.values()) this.tell(queues)
  }

  clear(): void {
    this.#wakes.clear()
  }

  #flush(): void {
    const news = new Set(this.#news)
    this.#news.clear()
    this.#queued = false
    for (const { queues, wake } of this.#wakes.values()) if (!queues.isDisjointFrom(news)) wake()
  }
}
