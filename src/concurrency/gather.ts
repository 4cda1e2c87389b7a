import { Bell } from './bell.ts'
import { CancelScope } from './cancel-scope.ts'
import { isCancellationWithin } from './cancellation.ts'
import { type Items, type MapOptions, limitOf } from './map-calls.ts'
import { closeQuietly, isAsync, iteratorOf } from './source.ts'
import { together } from './task-group-error.ts'

/**
 * Calls `fn` for each item, several at a time, and gives all the results, in the order of the items: `asyncio.gather` with a limit, and p-map.
 *
 * The first failure cancels the rest, waits until all has ended, and is thrown.
 *
 * @throws what `fn` or the source throws; InvalidOptionError
 *
 * @example
 * await gather([1, 2, 3], async (n) => 2 * n, { concurrency: 2 })   // [ 2, 4, 6 ]
 */
export async function gather<Item, Result>(items: Items<Item>, fn: (item: Item) => Result, options: MapOptions = {}): Promise<Awaited<Result>[]> {
  const limit = limitOf(items, fn, options)
  options.signal?.throwIfAborted()
  const gathering = new Gathering(items, fn, limit, options.signal)
  await gathering.run()
  return gathering.results
}

const over = { done: true, value: undefined } as const

/** So many workers take items from one source, each the next when it is done with one. */
class Gathering<Item, Result> {
  readonly results: Awaited<Result>[] = []
  readonly #fn: (item: Item) => Result
  readonly #limit: number
  readonly #source: Iterator<Item> | AsyncIterator<Item>
  readonly #isAsync: boolean
  readonly #scope: CancelScope
  readonly #signal: AbortSignal | undefined
  readonly #bell = new Bell()
  #turn: Promise<unknown> = Promise.resolve()
  #workers = 0
  #working = 0
  #running = 0
  #taken = 0
  #ended = false
  readonly #failures: unknown[] = []

  constructor(items: Items<Item>, fn: (item: Item) => Result, limit: number, signal: AbortSignal | undefined) {
    this.#scope = new CancelScope(signal ? { signal } : {})
    this.#signal = signal
    this.#fn = fn
    this.#limit = limit
    this.#isAsync = isAsync(items)
    this.#source = iteratorOf(items)
  }

  async run(): Promise<void> {
    this.#scope.begin()
    const wait = { cancelled: () => this.#bell.ring() }
    this.#scope.addWait(wait)
    this.#scope.enter(() => {
      do this.#addWorker()
      while (!this.#isAsync && this.#mayAdd())
    })
    // A source that never answers is not waited for once all is cancelled; calls are.
    while (this.#scope.cancelled ? this.#running > 0 : this.#working > 0) await this.#bell.wait()
    this.#scope.dropWait(wait)
    this.#scope.end()
    if (this.#failures.length === 0 && !this.#scope.cancelled) return
    if (!this.#ended) closeQuietly(this.#source)
    const real = this.#failures.filter((error) => !isCancellationWithin(error, this.#scope) && error !== this.#scope.cancellation)
    if (real.length > 0) throw together(real)
    this.#signal?.throwIfAborted()
    throw this.#scope.cancellation ?? this.#failures[0]
  }

  #mayAdd(): boolean {
    return this.#workers < this.#limit && !this.#ended && this.#failures.length === 0
  }

  #addWorker(): void {
    this.#workers++
    this.#working++
    this.#work().catch((error: unknown) => this.#fail(error)).finally(() => {
      this.#working--
      this.#bell.ring()
    })
  }

  #fail(error: unknown): void {
    this.#failures.push(error)
    this.#scope.cancel(error)
  }

  async #work(): Promise<void> {
    while (!this.#ended && this.#failures.length === 0 && !this.#scope.cancelled) {
      const next = await this.#next()
      if (!next || this.#scope.cancelled) return
      const index = this.#taken++
      if (this.#isAsync && this.#mayAdd()) this.#addWorker()
      this.#running++
      try {
        this.results[index] = await this.#fn(next.item)
      } catch (error) {
        // Before it counts as ended: nobody waits for it then.
        return this.#fail(error)
      } finally {
        this.#running--
      }
    }
  }
  /** The next item, where there is one. What the source throws, it throws once. */
  async #next(): Promise<{ readonly item: Item } | undefined> {
    try {
      // One at a time is asked for: not every source takes more.
      const next = this.#isAsync ? await (this.#turn = this.#turn.then(this.#ask, this.#ask)) as IteratorResult<Item> : this.#ask() as IteratorResult<Item>
      if (!next.done) return { item: next.value }
      this.#ended = true
      return undefined
    } catch (error) {
      this.#ended = true
      throw error
    }
  }

  readonly #ask = (): IteratorResult<Item> | Promise<IteratorResult<Item>> => this.#ended ? over : this.#source.next()
}
