import { Bell } from './bell.ts'
import { Fifo } from './fifo.ts'
import { Source } from './source.ts'

type Outcome<Result> = { readonly value: Result } | { readonly error: unknown }

/** As `orderedMap`, but gives each result, and throws the first failure, as soon as it is there. */
export async function* unorderedMap<Item, Result>(
  items: Iterable<Item> | AsyncIterable<Item>,
  limit: number,
  run: (item: Item) => Promise<Result>,
  signal: AbortSignal
): AsyncGenerator<Result, void, undefined> {
  const bell = new Bell()
  const ring = (): void => bell.ring()
  const ready = new Fifo<Outcome<Result>>()
  let running = 0
  const come = (outcome: Outcome<Result>): void => {
    ready.push(outcome)
    ring()
  }
  const source = new Source(items, (item) => {
    running++
    const ended = (outcome: Outcome<Result>): void => {
      running--
      come(outcome)
    }
    run(item).then((value) => ended({ value }), (error: unknown) => ended({ error }))
  }, (error) => come({ error }), ring)
  signal.addEventListener('abort', ring)
  try {
    for (;;) {
      signal.throwIfAborted()
      while (!source.ended && !source.pulling && running + ready.size < limit) source.pull()
      const outcome = ready.shift()
      if (outcome) {
        if ('error' in outcome) throw outcome.error
        yield outcome.value
      } else if (running === 0 && !source.pulling) return
      else await bell.wait()
    }
  } finally {
    signal.removeEventListener('abort', ring)
    source.close()
  }
}
