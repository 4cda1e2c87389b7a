import { Fifo } from '../../concurrency/fifo.ts'

interface Waiting {
  readonly priority: number
  readonly bytes: number
  /** It waits no more, and is passed over. */
  readonly settled: boolean
}

interface Level<T> {
  readonly priority: number
  readonly calls: Fifo<T>
}

/** Calls that wait: those of a higher priority first, and of one priority as they came. */
export class CallQueue<T extends Waiting> {
  readonly #usual: Level<T> = { priority: 0, calls: new Fifo() }
  /** Those that hold calls, and the usual one, highest first. */
  #levels: Level<T>[] = [this.#usual]
  #size = 0
  #bytes = 0

  /** What their arguments hold. */
  get bytes(): number {
    return this.#bytes
  }

  get size(): number {
    return this.#size
  }

  push(call: T): void {
    this.#size++
    this.#bytes += call.bytes
    this.#level(call.priority).calls.push(call)
  }

  peek(): T | undefined {
    for (;;) {
      const level = this.#first
      const call = level.calls.peek()
      if (!call?.settled) return call
      this.#take(level)
    }
  }

  shift(): T | undefined {
    const call = this.peek()
    if (!call) return undefined
    this.#size--
    this.#bytes -= call.bytes
    return this.#take(this.#first)
  }

  /** One that waits here was settled. */
  forget(call: T): void {
    this.#size--
    this.#bytes -= call.bytes
    const { calls } = this.#level(call.priority)
    calls.sweep(Math.min(this.#size, calls.size), ({ settled }) => !settled)
  }

  /** Puts calls back where they came from: before all others of their priority, in their own order. */
  putBack(calls: readonly T[]): void {
    this.#size += calls.length
    for (const { bytes } of calls) this.#bytes += bytes
    for (const [priority, back] of Map.groupBy(calls, (call) => call.priority)) this.#level(priority).calls.putBack(back)
  }

  /** Takes all, in order. */
  drain(): T[] {
    const all = this.#levels.flatMap(({ calls }) => calls.drain()).filter(({ settled }) => !settled)
    this.#levels = [this.#usual]
    this.#size = 0
    this.#bytes = 0
    return all
  }

  /** The first that holds a call, where one does. */
  get #first(): Level<T> {
    if (this.#levels.length === 1) return this.#usual
    return this.#levels.find(({ calls }) => calls.size > 0) ?? this.#usual
  }

  #take(level: Level<T>): T | undefined {
    const call = level.calls.shift()
    if (level.calls.size === 0 && level !== this.#usual) this.#levels = this.#levels.filter((each) => each !== level)
    return call
  }

  #level(priority: number): Level<T> {
    if (priority === 0) return this.#usual
    const found = this.#levels.find((level) => level.priority === priority)
    if (found) return found
    const level: Level<T> = { priority, calls: new Fifo() }
    this.#levels = [...this.#levels, level].sort((a, b) => b.priority - a.priority)
    return level
  }
}
