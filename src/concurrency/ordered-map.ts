import { Fifo } from './fifo.ts'
import { Source } from './source.ts'

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
  const results = new Fifo<{ readonly promise: Promise<Result>, settled: boolean }>()
  let failed = false
  const add = (promise: Promise<Result>): void => {
    const entry = { promise, settled: false }
    promise.then(() => { entry.settled = true }, () => { entry.settled = failed = true })
    results.push(entry)
  }
  const source = new Source(
    items,
    (item) => add(run(item, rest.signal)),
    // The source failed in its turn: results of the items before it come first.
    (error) => add((async () => { throw error })())
  )
  const mayPull = (): boolean => !source.ended && !failed && !source.pulling && results.size < limit

  try {
    for (;;) {
      while (mayPull()) source.pull()
      const head = results.peek()
      const { pulling } = source
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
    source.close()
  }
}

function settled(promise: Promise<unknown>): Promise<unknown> {
  return promise.catch(() => {})
}
