import { Fifo } from '../concurrency/fifo.ts'

/** Results that follow each other, or what came in place of the next. */
export type Arrived = { readonly results: ArrayLike<unknown> } | { readonly error: unknown }

/** What came of the items of a source, by their places in it. */
export interface Arrivals {
  /** How many lists of results nobody has taken. */
  readonly waiting: number
  /** From here on nothing is to be begun: an error comes before it. */
  readonly end: number
  add(at: number, results: ArrayLike<unknown>): void
  fail(at: number, error: unknown): void
  /** What comes next, where it is here. */
  take(): Arrived | undefined
}

/** In the order of the source: an error comes after the results before it. */
export class InOrder implements Arrivals {
  readonly #waiting = new Map<number, ArrayLike<unknown>>()
  #next = 0
  #error: unknown
  end: number = Infinity

  get waiting(): number {
    return this.#waiting.size
  }

  add(at: number, results: ArrayLike<unknown>): void {
    if (results.length > 0) this.#waiting.set(at, results)
  }

  fail(at: number, error: unknown): void {
    if (at >= this.end) return
    this.end = at
    this.#error = error
  }

  take(): Arrived | undefined {
    const results = this.#waiting.get(this.#next)
    if (!results) return this.#next === this.end ? { error: this.#error } : undefined
    this.#waiting.delete(this.#next)
    this.#next += results.length
    return { results }
  }
}

/** As they come. */
export class AsTheyCome implements Arrivals {
  readonly #waiting = new Fifo<Arrived>()
  end: number = Infinity

  get waiting(): number {
    return this.#waiting.size
  }

  add(_: number, results: ArrayLike<unknown>): void {
    if (results.length > 0) this.#waiting.push({ results })
  }

  fail(_: number, error: unknown): void {
    this.end = 0
    this.#waiting.push({ error })
  }

  take(): Arrived | undefined {
    return this.#waiting.shift()
  }
}
