import { type Exit, leavable } from '../concurrency/leavable.ts'
import { systemClock } from '../kernel/clock.ts'

/**
 * What `map` gives: iterated, the results one by one; awaited, a list of all. It begins with either. An `async` function that returns it returns
 * that list.
 */
export interface MapResults<Result> extends AsyncGenerator<Result, void, undefined>, PromiseLike<Result[]> {}

/** Results that are iterated, and can be awaited: then as `rest` gives those that nobody has taken. */
export function awaitable<Result>(results: AsyncGenerator<Result, void, undefined>, rest: () => Promise<Result[]>): MapResults<Result> {
  let all: Promise<Result[]> | undefined
  return {
    next: () => results.next(),
    return: (value) => results.return(value),
    throw: (error) => results.throw(error),
    [Symbol.asyncIterator]() { return this },
    [Symbol.asyncDispose]: () => results[Symbol.asyncDispose](),
    // oxlint-disable-next-line unicorn/no-thenable -- which it is to be
    then: (fulfilled, rejected) => (all ??= rest()).then(fulfilled, rejected)
  }
}

/** Results that come one at a time. */
export function oneByOne<Result>(results: AsyncGenerator<Result, void, undefined>): MapResults<Result> {
  return awaitable(results, () => Array.fromAsync(results))
}

/** Results that come many at a time. */
export function manyAtOnce<Result>(begin: (exit: Exit) => AsyncGenerator<ArrayLike<Result>, void, undefined>, wantsAll: () => void): MapResults<Result> {
  let batches!: AsyncGenerator<ArrayLike<Result>, void, undefined>
  let begun = false
  const results = leavable((exit) => {
    batches = begin(exit)
    return each(batches, () => { begun = true })
  })
  return awaitable(results, () => {
    wantsAll()
    return begun ? Array.fromAsync(results) : gathered(batches)
  })
}

/** After so many results the clock is read. */
const lookEvery = 256

/** The loop has its turn after so long, in milliseconds: results that are there come without one. */
const longestTurn = 4

async function* each<Result>(batches: AsyncGenerator<ArrayLike<Result>, void, undefined>, begins: () => void): AsyncGenerator<Result, void, undefined> {
  begins()
  let turned = systemClock.elapsed()
  for await (const batch of batches) {
    for (let at = 0; at < batch.length; at++) {
      yield batch[at]!
      if (at % lookEvery !== lookEvery - 1 || systemClock.elapsed() - turned < longestTurn) continue
      await new Promise((resolve) => { setImmediate(resolve) })
      turned = systemClock.elapsed()
    }
  }
}

async function gathered<Result>(batches: AsyncGenerator<ArrayLike<Result>, void, undefined>): Promise<Result[]> {
  const all: Result[] = []
  for await (const batch of batches) {
    if (batch instanceof Float64Array) addNumbers(all as number[], batch)
    else for (let at = 0; at < batch.length; at++) all.push(batch[at]!)
  }
  return all
}

/** By itself, so that it is compiled for just this: there may be millions. */
function addNumbers(all: number[], batch: Float64Array): void {
  for (let at = 0; at < batch.length; at++) all.push(batch[at]!)
}
