import { Bell } from './bell.ts'
import { Fifo } from './fifo.ts'
import { Source } from './source.ts'

/**
 * Runs something for each item, several at a time, and gives the results in the order of the items.
 *
 * No more than `limit` items are taken from the source beyond those whose results were asked for, so a source without end
 * works, and a slow consumer holds it back. The first failure, in the order of the items, is thrown, and nothing follows it:
 * no item is taken once one has failed. When the iteration ends early, in whatever way, the source is closed.
 *
 * @param signal ends the iteration with its reason when it aborts, whatever the source and the calls do
 */
export async function* orderedMap<Item, Result>(
  items: Iterable<Item> | AsyncIterable<Item>,
  limit: number,
  run: (item: Item) => Promise<Result>,
  signal: AbortSignal
): AsyncGenerator<Result, void, undefined> {
  const bell = new Bell()
  const ring = (): void => bell.ring()
  const results = new Fifo<{ readonly promise: Promise<Result>, settled: boolean }>()
  let failed = false
  const add = (promise: Promise<Result>): void => {
    const entry = { promise, settled: false }
    const settle = (): void => {
      entry.settled = true
      ring()
    }
    promise.then(settle, () => {
      failed = true
      settle()
    })
    results.push(entry)
  }
  const source = new Source(
    items,
    (item) => add(run(item)),
    // The source failed in its turn: results of the items before it come first.
    (error) => add((async () => { throw error })()),
    ring
  )
  const mayPull = (): boolean => !source.ended && !failed && !source.pulling && results.size < limit

  signal.addEventListener('abort', ring)
  try {
    for (;;) {
      signal.throwIfAborted()
      while (mayPull()) source.pull()
      const head = results.peek()
      if (!head && !source.pulling) return
      if (head?.settled) {
        const result = await head.promise
        results.shift()
        yield result
      } else await bell.wait()
    }
  } finally {
    signal.removeEventListener('abort', ring)
    source.close()
  }
}
