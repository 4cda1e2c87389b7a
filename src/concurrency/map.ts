import { type Exit, leavable } from './leavable.ts'
import { Calls, type Items, type MapOptions, limitOf, reasonOf } from './map-calls.ts'
import { orderedMap } from './ordered-map.ts'
import { suspend } from './suspend.ts'
import { together } from './task-group-error.ts'
import { unorderedMap } from './unordered-map.ts'

/**
 * Calls `fn` for each item, several at a time, and gives the results in the order of the items.
 *
 * The source is read no further than needed, so it may be endless. The first failure, in that order, ends it; then, and when the loop is left,
 * what is under way is cancelled and waited for; what goes wrong in that is thrown too. `fn` runs in a cancel scope: what waits in it ends by itself, and `currentSignal()` is
 * for the rest.
 *
 * @throws what `fn` or the source throws; InvalidOptionError
 *
 * @example
 * const doubled: number[] = []
 * for await (const result of map([1, 2, 3], async (n) => 2 * n)) doubled.push(result)
 * doubled   // [ 2, 4, 6 ]
 */
export function map<Item, Result>(items: Items<Item>, fn: (item: Item) => Result, options: MapOptions = {}): AsyncGenerator<Awaited<Result>, void, undefined> {
  return leavable((exit) => results(items, fn, options, exit, orderedMap))
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
export function mapUnordered<Item, Result>(items: Items<Item>, fn: (item: Item) => Result, options: MapOptions = {}): AsyncGenerator<Awaited<Result>, void, undefined> {
  return leavable((exit) => results(items, fn, options, exit, unorderedMap))
}

/**
 * The results of promises, or of functions that are begun with the loop, each as soon as it is there. As `asyncio.as_completed`. When it ends, functions are
 * cancelled and waited for; promises are left to themselves.
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
  for (const each of all) if (typeof each !== 'function') Promise.resolve(each).catch(() => {})
  return mapUnordered(all, (each) => typeof each === 'function' ? each() : settled(each), { concurrency: Math.max(1, all.length) })
}

async function* results<Item, Result>(
  items: Items<Item>, fn: (item: Item) => Result, options: MapOptions, exit: Exit, mapped: typeof orderedMap
): AsyncGenerator<Awaited<Result>, void, undefined> {
  const limit = limitOf(items, fn, options)
  yield* withCalls(fn, options.signal, exit, (calls) => mapped(items, limit, (item) => calls.call(item), calls.signal))
}

/** Iterates what is made of calls of `fn`: in one scope, which is cancelled, and waited for, when that ends. */
export async function* withCalls<Item, Result, Given>(
  fn: (item: Item) => Result, signal: AbortSignal | undefined, exit: Exit, iterate: (calls: Calls<Item, Result>) => AsyncGenerator<Given, void, undefined>
): AsyncGenerator<Given, void, undefined> {
  signal?.throwIfAborted()
  const calls = new Calls(fn, signal)
  const failures: unknown[] = []
  exit.heard = () => calls.cancel()
  try {
    yield* iterate(calls)
  } catch (error) {
    if (!exit.left || !calls.isOwnCancellation(error)) failures.push(reasonOf(signal, error, calls))
  } finally {
    failures.push(...await calls.end())
    throwAll(failures)
  }
}

function throwAll(failures: readonly unknown[]): void {
  if (failures.length > 0) throw together(failures)
}

/** What a promise gives, for one who may go before that. */
async function settled<T>(promise: Promise<T>): Promise<T> {
  await suspend<void>('A promise', undefined, (resume) => {
    promise.then(() => resume(), () => resume())
    return () => {}
  })
  return await promise
}
