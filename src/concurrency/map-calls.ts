import { count } from '../kernel/count.ts'
import { InvalidOptionError } from '../kernel/errors.ts'
import { checkOptions } from '../kernel/options.ts'
import { CancelScope } from './cancel-scope.ts'
import { isCancellationWithin } from './cancellation.ts'

export interface MapOptions {
  /** How many items are worked on, or lie ready, beyond those whose results were asked for. Default: 100. */
  concurrency?: number
  /** Ends it, with its reason. */
  signal?: AbortSignal
}

export type Items<Item> = Iterable<Item> | AsyncIterable<Item>

const mapOptions = { concurrency: true, signal: true } as const

/** The calls of one iteration: in one scope, which is cancelled, and waited for, when that ends. */
export class Calls<Item, Result> {
  readonly #fn: (item: Item) => Result
  readonly #scope: CancelScope
  readonly #running = new Set<Promise<unknown>>()
  readonly #late: unknown[] = []

  constructor(fn: (item: Item) => Result, signal: AbortSignal | undefined) {
    this.#fn = fn
    this.#scope = new CancelScope(signal ? { signal } : {})
    this.#scope.begin()
  }

  call(item: Item): Promise<Awaited<Result>> {
    const call = this.#scope.enter(async (): Promise<Awaited<Result>> => await this.#fn(item))
    this.#running.add(call)
    call.then(() => this.#running.delete(call), (error: unknown) => {
      this.#running.delete(call)
      // It went wrong while it was cancelled: no result of it will be asked for.
      if (this.#scope.cancelled && !this.isOwnCancellation(error) && error !== this.#scope.cancellation) this.#late.push(error)
    })
    return call
  }

  get signal(): AbortSignal {
    return this.#scope.signal
  }

  isOwnCancellation(error: unknown): boolean {
    return isCancellationWithin(error, this.#scope)
  }

  cancel(): void {
    this.#scope.cancel()
  }

  /** Cancels what is under way, and waits for it. @returns what goes wrong in that */
  async end(): Promise<readonly unknown[]> {
    if (this.#running.size > 0) {
      this.#scope.cancel()
      await Promise.allSettled(this.#running)
    }
    this.#scope.end()
    return this.#late
  }
}

/** Where an iteration was ended by its signal, that says why. A real error comes before it. */
export function reasonOf(signal: AbortSignal | undefined, error: unknown, calls: { isOwnCancellation(error: unknown): boolean }): unknown {
  return signal?.aborted && calls.isOwnCancellation(error) ? signal.reason : error
}

/** @throws InvalidOptionError */
export function limitOf(items: Items<unknown>, fn: (item: never) => unknown, options: MapOptions): number {
  checkItems('map()', items)
  if (typeof fn !== 'function') throw new InvalidOptionError('map()', fn, 'a function to call with each item')
  const { concurrency = 100 } = checkOptions('map()', options, mapOptions)
  return concurrency === Infinity ? concurrency : count('concurrency', concurrency)
}

/**
 * @param where what was given it, for the error
 * @throws InvalidOptionError where it cannot be iterated
 */
export function checkItems(where: string, items: unknown): void {
  const source = Object(items) as object
  if (!(Symbol.asyncIterator in source || Symbol.iterator in source)) throw new InvalidOptionError(where, items, 'something to iterate, such as a list')
}
