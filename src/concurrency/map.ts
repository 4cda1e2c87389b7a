import { count } from '../kernel/count.ts'
import { checkOptions } from '../kernel/options.ts'
import { Bell } from './bell.ts'
import { CancelScope } from './cancel-scope.ts'
import { isCancellationWithin } from './cancellation.ts'
import { Event } from './event.ts'
import { Fifo } from './fifo.ts'
import { orderedMap } from './ordered-map.ts'
import { Source } from './source.ts'
import { TaskGroupError } from './task-group-error.ts'
import { taskGroup } from './task-group.ts'

export interface MapOptions {
  /** How many items are worked on, or lie ready, beyond those whose results were asked for. Default: 100. */
  concurrency?: number
  /** Ends it, with its reason. */
  signal?: AbortSignal
}

type Items<Item> = Iterable<Item> | AsyncIterable<Item>

const mapOptions = { concurrency: true, signal: true } as const

/**
 * Calls `fn` for each item, several at a time, and gives the results in the order of the items.
 *
 * The source is read no further than needed, so it may be endless. The first failure, in that order, ends it; then, and when the loop is left,
 * what is under way is cancelled and waited for. `fn` runs in a cancel scope: what waits in it ends by itself, and `currentSignal()` is
 * for the rest.
 *
 * @throws what `fn` or the source throws; InvalidOptionError
 *
 * @example
 * const doubled: number[] = []
 * for await (const result of map([1, 2, 3], async (n) => 2 * n)) doubled.push(result)
 * doubled   // [ 2, 4, 6 ]
 */
export async function* map<Item, Result>(items: Items<Item>, fn: (item: Item) => Result, options: MapOptions = {}): AsyncGenerator<Awaited<Result>, void, undefined> {
  const limit = limitOf(options)
  const { signal } = options
  signal?.throwIfAborted()
  await using calls = new Calls(fn, signal)
  try {
    yield* orderedMap(items, limit, (item) => calls.call(item), calls.signal)
  } catch (error) {
    throw reasonOf(signal, error, calls)
  }
}

/**
 * As `map`, but gives each result as soon as it is there.
 *
 * @throws what `fn` or the source throws; InvalidOptionError
 *
 * @example
 * const results: number[] = []
 * for await (const ms of mapUnordered([20, 1], async (ms) => { await sleep(ms); return ms })) results.push(ms)
 * results   // [ 1, 20 ]
 */
export async function* mapUnordered<Item, Result>(items: Items<Item>, fn: (item: Item) => Result, options: MapOptions = {}): AsyncGenerator<Awaited<Result>, void, undefined> {
  const limit = limitOf(options)
  const { signal } = options
  signal?.throwIfAborted()
  await using calls = new Calls(fn, signal)
  const bell = new Bell()
  const ring = (): void => bell.ring()
  const ready = new Fifo<{ readonly value: Awaited<Result> } | { readonly error: unknown }>()
  let running = 0
  const come = (outcome: { readonly value: Awaited<Result> } | { readonly error: unknown }): void => {
    ready.push(outcome)
    ring()
  }
  const source = new Source(items, (item) => {
    running++
    const ended = (outcome: { readonly value: Awaited<Result> } | { readonly error: unknown }): void => {
      running--
      come(outcome)
    }
    calls.call(item).then((value) => ended({ value }), (error: unknown) => ended({ error }))
  }, (error) => come({ error }), ring)
  calls.signal.addEventListener('abort', ring)
  try {
    for (;;) {
      calls.signal.throwIfAborted()
      while (!source.ended && !source.pulling && running + ready.size < limit) source.pull()
      const outcome = ready.shift()
      if (outcome) {
        if ('error' in outcome) throw outcome.error
        yield outcome.value
      } else if (running === 0 && !source.pulling) return
      else await bell.wait()
    }
  } catch (error) {
    throw reasonOf(signal, error, calls)
  } finally {
    calls.signal.removeEventListener('abort', ring)
    source.close()
  }
}

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
  const limit = limitOf(options)
  options.signal?.throwIfAborted()
  const gathering = new Gathering(items, fn, limit, options.signal)
  await gathering.run()
  return gathering.results
}

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
    this.#isAsync = Symbol.asyncIterator in items
    this.#source = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]()
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
    if (real.length > 0) throw real.length === 1 ? real[0] : new TaskGroupError(real)
    this.#signal?.throwIfAborted()
    throw this.#scope.cancellation ?? this.#failures[0]
  }

  #mayAdd(): boolean {
    return this.#workers < this.#limit && !this.#ended && this.#failures.length === 0
  }

  #addWorker(): void {
    this.#workers++
    this.#working++
    this.#work().catch((error: unknown) => {
      this.#failures.push(error)
      this.#scope.cancel(error)
    }).finally(() => {
      this.#working--
      this.#bell.ring()
    })
  }

  async #work(): Promise<void> {
    while (!this.#ended && this.#failures.length === 0 && !this.#scope.cancelled) {
      // One at a time is asked for: not every source takes more.
      const next = this.#isAsync ? await (this.#turn = this.#turn.then(() => this.#source.next())) as IteratorResult<Item> : this.#source.next() as IteratorResult<Item>
      if (next.done) {
        this.#ended = true
        return
      }
      if (this.#scope.cancelled) return
      const index = this.#taken++
      if (this.#isAsync && this.#mayAdd()) this.#addWorker()
      this.#running++
      try {
        this.results[index] = await this.#fn(next.value)
      } finally {
        this.#running--
      }
    }
  }
}

function closeQuietly(source: Iterator<unknown> | AsyncIterator<unknown>): void {
  try {
    Promise.resolve(source.return?.()).catch(() => {})
  } catch {}
}

/**
 * The results of promises, or of functions that are begun at once, each as soon as it is there. As `asyncio.as_completed`.
 *
 * @throws the first failure
 *
 * @example
 * const order: string[] = []
 * for await (const word of asCompleted([sleep(20).then(() => 'slow'), async () => 'fast'])) order.push(word)
 * order   // [ 'fast', 'slow' ]
 */
export function asCompleted<Result>(work: Iterable<Promise<Result> | (() => Promise<Result> | Result)>): AsyncGenerator<Awaited<Result>, void, undefined> {
  const all = Array.from(work)
  // Nobody waits for those that come after a failure.
  for (const each of all) if (typeof each !== 'function') each.catch(() => {})
  return mapUnordered(all, (each) => typeof each === 'function' ? each() : each, { concurrency: Math.max(1, all.length) })
}

/**
 * Runs functions beside each other, gives what the first to end gives, or throws what it threw, and cancels the others; it ends when they
 * have.
 *
 * @throws what the first threw; TaskGroupError where others failed too
 *
 * @example
 * await race([() => sleep('1h'), async () => 'first'])   // 'first'
 */
export async function race<Runner extends () => unknown>(runners: Iterable<Runner>): Promise<Awaited<ReturnType<Runner>>> {
  let first: { readonly value: Awaited<ReturnType<Runner>> } | undefined
  try {
    await taskGroup((group) => {
      for (const run of runners) {
        group.start(async () => {
          const value = await run() as Awaited<ReturnType<Runner>>
          first ??= { value }
          group.cancel()
        })
      }
    })
  } catch (error) {
    throw error instanceof TaskGroupError && error.errors.length === 1 ? error.errors[0] : error
  }
  // There were none, or each cancelled itself: as Promise.race, it has nothing to give.
  return first ? first.value : new Event().wait() as Promise<never>
}

/** The calls of one iteration: in one scope, which is cancelled, and waited for, when that ends. */
class Calls<Item, Result> implements AsyncDisposable {
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

  /** @throws what goes wrong while calls are cancelled */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#running.size > 0) {
      this.#scope.cancel()
      await Promise.allSettled(this.#running)
    }
    this.#scope.end()
    if (this.#late.length > 0) throw this.#late.length === 1 ? this.#late[0] : new TaskGroupError(this.#late)
  }
}

/** Where an iteration was ended by its signal, that says why. A real error comes before it. */
function reasonOf(signal: AbortSignal | undefined, error: unknown, calls: { isOwnCancellation(error: unknown): boolean }): unknown {
  return signal?.aborted && calls.isOwnCancellation(error) ? signal.reason : error
}

function limitOf(options: MapOptions): number {
  const { concurrency = 100 } = checkOptions('map()', options, mapOptions)
  return concurrency === Infinity ? concurrency : count('concurrency', concurrency)
}
