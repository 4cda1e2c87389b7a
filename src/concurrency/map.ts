import { count } from '../kernel/count.ts'
import { checkOptions } from '../kernel/options.ts'
import { CancelScope } from './cancel-scope.ts'
import { errorLeaves } from './error-tree.ts'
import { Event } from './event.ts'
import { Fifo } from './fifo.ts'
import { orderedMap } from './ordered-map.ts'
import { Source } from './source.ts'
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
  await using calls = new Calls(fn, signal)
  try {
    yield* orderedMap(items, limit, (item) => calls.call(item), signal)
  } catch (error) {
    signal?.throwIfAborted()
    throw error
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
  const ready = new Fifo<{ readonly value: Awaited<Result> } | { readonly error: unknown }>()
  let running = 0
  let news = new Event()
  const come = (outcome: { readonly value: Awaited<Result> } | { readonly error: unknown }): void => {
    ready.push(outcome)
    news.set()
  }
  const source = new Source(items, (item) => {
    running++
    calls.call(item).then((value) => come({ value }), (error: unknown) => come({ error })).finally(() => { running-- })
  }, (error) => come({ error }))
  try {
    for (;;) {
      while (!source.ended && !source.pulling && running + ready.size < limit) source.pull()
      signal?.throwIfAborted()
      const outcome = ready.shift()
      if (outcome) {
        if ('error' in outcome) {
          signal?.throwIfAborted()
          throw outcome.error
        }
        yield outcome.value
      } else if (running === 0 && !source.pulling) return
      else {
        if (news.isSet) news = new Event()
        const wait = news.wait(signal ? { signal } : {})
        await (source.pulling ? Promise.race([source.pulling, wait]) : wait)
      }
    }
  } finally {
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
  options.signal?.throwIfAborted()
  const gathering = new Gathering(items, fn, limitOf(options), options.signal)
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
  readonly #workers: Promise<void>[] = []
  readonly #signal: AbortSignal | undefined
  #turn: Promise<unknown> = Promise.resolve()
  #taken = 0
  #ended = false
  #failure: { readonly error: unknown } | undefined

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
    this.#scope.enter(() => {
      do this.#addWorker()
      while (!this.#isAsync && this.#mayAdd())
    })
    // Those that an async source brings come while the others are waited for.
    for (let at = 0; at < this.#workers.length; at++) await this.#workers[at]
    this.#scope.end()
    if (!this.#failure) return
    if (!this.#ended) Promise.resolve(this.#source.return?.()).catch(() => {})
    this.#signal?.throwIfAborted()
    throw this.#failure.error
  }

  #mayAdd(): boolean {
    return this.#workers.length < this.#limit && !this.#ended && !this.#failure
  }

  #addWorker(): void {
    this.#workers.push(this.#work().catch((error: unknown) => {
      this.#failure ??= { error }
      this.#scope.cancel(error)
    }))
  }

  async #work(): Promise<void> {
    while (!this.#ended && !this.#failure) {
      // One at a time is asked for: not every source takes more.
      const next = this.#isAsync ? await (this.#turn = this.#turn.then(() => this.#source.next())) as IteratorResult<Item> : this.#source.next() as IteratorResult<Item>
      if (next.done) {
        this.#ended = true
        return
      }
      const index = this.#taken++
      if (this.#isAsync && this.#mayAdd()) this.#addWorker()
      this.results[index] = await this.#fn(next.value)
    }
  }
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
    const leaves = [...errorLeaves(error)]
    throw leaves.length === 1 ? leaves[0] : error
  }
  // There were none: as Promise.race, it has nothing to give.
  return first ? first.value : new Promise<never>(() => {})
}

/** The calls of one iteration: in one scope, which is cancelled, and waited for, when that ends. */
class Calls<Item, Result> implements AsyncDisposable {
  readonly #fn: (item: Item) => Result
  readonly #scope: CancelScope
  readonly #running = new Set<Promise<unknown>>()

  constructor(fn: (item: Item) => Result, signal: AbortSignal | undefined) {
    this.#fn = fn
    this.#scope = new CancelScope(signal ? { signal } : {})
    this.#scope.begin()
  }

  call(item: Item): Promise<Awaited<Result>> {
    const call = this.#scope.enter(async (): Promise<Awaited<Result>> => await this.#fn(item))
    this.#running.add(call)
    const ended = (): boolean => this.#running.delete(call)
    call.then(ended, ended)
    return call
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#running.size > 0) {
      this.#scope.cancel()
      await Promise.allSettled(this.#running)
    }
    this.#scope.end()
  }
}

function limitOf(options: MapOptions): number {
  const { concurrency = 100 } = checkOptions('map()', options, mapOptions)
  return concurrency === Infinity ? concurrency : count('concurrency', concurrency)
}
