import { Fifo } from './fifo.ts'

/**
 * Runs something for each item, several at a time, and gives the results in the order of the items.
 *
 * No more than `limit` items are taken from the source beyond those whose results were asked for, so a source without end
 * works, and a slow consumer holds it back. The first failure, in the order of the items, is thrown, and nothing follows it:
 * no item is taken once one has failed. When the iteration ends early, in whatever way, `signal` aborts for the calls under
 * way and the source is closed.
 *
 * @param outer ends the iteration with its reason when it aborts
 */
export async function* orderedMap<Item, Result>(
  items: Iterable<Item> | AsyncIterable<Item>,
  limit: number,
  run: (item: Item, signal: AbortSignal) => Promise<Result>,
  outer?: AbortSignal
): AsyncGenerator<Result, void, undefined> {
  outer?.throwIfAborted()
  const rest = new AbortController()
  const aborted = Promise.withResolvers<never>()
  aborted.promise.catch(() => {})
  const cancel = (): void => {
    rest.abort(outer?.reason)
    aborted.reject(outer?.reason)
  }
  outer?.addEventListener('abort', cancel)
  const source: Iterator<Item> | AsyncIterator<Item> = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]()
  const results = new Fifo<{ readonly promise: Promise<Result>, settled: boolean }>()
  let pulling: Promise<void> | undefined
  let ended = false
  let failed = false

  const add = (promise: Promise<Result>): void => {
    const entry = { promise, settled: false }
    promise.then(() => { entry.settled = true }, () => { entry.settled = failed = true })
    results.push(entry)
  }
  const take = (next: IteratorResult<Item>): void => {
    if (next.done) ended = true
    else add(run(next.value, rest.signal))
  }
  // The source failed in its turn: results of the items before it come first.
  const fail = (reason: Error): void => {
    ended = true
    add(Promise.reject(reason))
  }
  const pull = (): void => {
    try {
      const next = source.next()
      if (!isPromiseLike(next)) return take(next)
      pulling = Promise.resolve(next).then(take, fail).finally(() => { pulling = undefined })
    } catch (error) {
      fail(error as Error)
    }
  }

  const mayPull = (): boolean => !ended && !failed && !pulling && results.size < limit

  try {
    for (;;) {
      while (mayPull()) pull()
      const head = results.peek()
      if (!head && !pulling) return
      if (!head?.settled && pulling) await Promise.race(head ? [settled(head.promise), pulling, aborted.promise] : [pulling, aborted.promise])
      else if (head) {
        const result = await head.promise
        results.shift()
        yield result
      }
    }
  } finally {
    outer?.removeEventListener('abort', cancel)
    rest.abort()
    if (!ended) close(source)
  }
}

function settled(promise: Promise<unknown>): Promise<unknown> {
  return promise.catch(() => {})
}

/** Not waited for: a generator that is busy with `next` closes after that, perhaps never. */
function close(source: Iterator<unknown> | AsyncIterator<unknown>): void {
  Promise.resolve(source.return?.()).catch(() => {})
}

function isPromiseLike<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === 'object' && value !== null && 'then' in value
}
