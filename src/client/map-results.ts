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
export const longestTurn = 4

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

/** Longer than this no list is made at once: the engine would make a table of it. */
const longestAtOnce = 2 ** 25

async function gathered<Result>(batches: AsyncGenerator<ArrayLike<Result>, void, undefined>): Promise<Result[]> {
  const gathered: ArrayLike<Result>[] = []
  let length = 0
  for await (const batch of batches) {
    gathered.push(batch)
    length += batch.length
  }
  // oxlint-disable-next-line unicorn/no-new-array -- it is filled at once
  const all: Result[] = length > longestAtOnce ? [] : new Array<Result>(length)
  let at = 0
  for (const batch of gathered) {
    if (batch instanceof Float64Array) copyNumbers(batch, all as number[], at)
    else for (let index = 0; index < batch.length; index++) all[at + index] = batch[index]!
    at += batch.length
  }
  return all
}

/** By itself, so that it is compiled for just this: there may be millions. */
function copyNumbers(batch: Float64Array, all: number[], at: number): void {
  for (let index = 0; index < batch.length; index++) all[at + index] = batch[index]!
}
