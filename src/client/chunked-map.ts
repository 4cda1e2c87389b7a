import { Bell } from '../concurrency/bell.ts'
import type { Exit } from '../concurrency/leavable.ts'
import type { Calls } from '../concurrency/map-calls.ts'
import { withCalls } from '../concurrency/map.ts'
import type { ChunkReport } from '../executors/calls/map-items.ts'
import { UncloneableError } from '../kernel/errors.ts'
import { isBare } from '../tasks/call.ts'
import type { TaskDefinition } from '../tasks/task.ts'
import { fromPortable } from '../wire/portable-error.ts'
import type { CopyRules } from '../wire/uncloneable.ts'
import { type ValueBatch, sizeOf, valuesOf } from '../wire/value-batch.ts'
import { type Arrivals, AsTheyCome, InOrder } from './arrivals.ts'
import { Carrier, type Execute } from './carrier.ts'
import { type Chunk, after, before, isRead, lengthOf, onlyShared, pack } from './chunk.ts'
import { ChunkSizes, chunkLimit } from './chunk-sizes.ts'
import { type ItemReader, readerOf } from './item-reader.ts'
import { longestTurn } from './map-results.ts'

export interface ChunkedMapOptions {
  readonly source: Iterable<unknown> | AsyncIterable<unknown>
  readonly definition: TaskDefinition
  readonly ordered: boolean
  readonly signal: AbortSignal | undefined
  /** Hears of so many items more that are done. */
  readonly done: (items: number) => void
  /** How many threads or processes there are, and what can be sent to them. */
  readonly workers: number
  readonly rules: CopyRules
  /** Runs a call on one of them. */
  readonly execute: Execute
  /** Runs a call on the caller's own loop. */
  readonly executeHere: Execute
}

type ChunkCalls = Calls<() => Promise<void>, Promise<void>>

/** So many chunks of each worker are on the way: while it is at one, the next comes. */
const chunksEach = 2

/** What goes alone is as much of that as this. */
const loneWeight = 1 / 4

/** So many chunks of each worker are on the way, or lie ready, before the source is read further. */
const aheadEach = 8

/** An item costs about this much on its way to a thread and back, in milliseconds: one that takes less is better run here. */
const carriage = 0.000_06

/**
 * Calls a task for each item of a source, on several threads or in several processes, many items at a time: each chunk of them is one call of
 * `mapItems`, which stops when its time is up; what it has not begun goes into a later chunk.
 *
 * Invariant: every item that was read is in `#pending`, on its way, or has come to `#arrivals`, as long as no error comes before it.
 */
export class ChunkedMap {
  /** Whether all results are wanted at once: then nothing is to be held back. */
  wantsAll = false
  readonly #options: ChunkedMapOptions
  readonly #away: Carrier
  readonly #here: Carrier
  readonly #sizes: ChunkSizes
  readonly #arrivals: Arrivals
  readonly #bell = new Bell()
  /** In their order; what is read is read after these. */
  readonly #pending: Chunk[] = []
  #reader!: ItemReader
  #calls!: ChunkCalls
  /** How many items were read. */
  #read = 0
  #onTheWay = 0
  #running = 0
  /** Items go alone. */
  #alone = false
  #mayRunHere: boolean
  #runsHere = false

  constructor(options: ChunkedMapOptions) {
    this.#options = options
    const { definition, workers, ordered } = options
    this.#away = new Carrier(options.execute, definition, true)
    this.#here = new Carrier(options.executeHere, definition, false)
    this.#sizes = new ChunkSizes(workers)
    this.#arrivals = ordered ? new InOrder() : new AsTheyCome()
    this.#mayRunHere = definition.runsByDefault && definition.runs === 'thread' && isBare(definition)
  }

  /** The results, many at a time. */
  batches(exit: Exit): AsyncGenerator<ArrayLike<unknown>, void, undefined> {
    return withCalls((run: () => Promise<void>) => run(), this.#options.signal, exit, (calls) => this.#iterate(calls))
  }

  async *#iterate(calls: ChunkCalls): AsyncGenerator<ArrayLike<unknown>, void, undefined> {
    const ring = (): void => this.#bell.ring()
    this.#calls = calls
    calls.signal.addEventListener('abort', ring)
    this.#reader = readerOf(this.#options.source, ring)
    try {
      for (;;) {
        calls.signal.throwIfAborted()
        this.#begin()
        const arrived = this.#arrivals.take()
        if (arrived && 'error' in arrived) throw arrived.error
        if (arrived) yield arrived.results
        else if (this.#running === 0 && this.#pending.length === 0 && this.#reader.ended) return
        else await this.#bell.wait()
      }
    } finally {
      calls.signal.removeEventListener('abort', ring)
      this.#reader.close()
    }
  }

  /** Begins as many chunks as there is room for. */
  #begin(): void {
    while (this.#onTheWay < chunksEach * this.#options.workers && !(this.#isTiny && this.#runsHere)) {
      const chunk = this.#next()
      if (!chunk) return
      if (this.#isTiny && (!isRead(chunk.items) || !('starts' in chunk.items))) this.#runHere(chunk)
      else this.#send(chunk)
    }
  }

  get #isTiny(): boolean {
    const { each } = this.#sizes
    return this.#mayRunHere && each !== undefined && each < carriage
  }

  #next(): Chunk | undefined {
    const { workers } = this.#options
    const first = this.#pending.shift()
    if (first && first.at >= this.#arrivals.end) this.#pending.length = 0
    const most = this.#most(first ? lengthOf(first) + (this.#reader.left ?? 0) : this.#reader.left)
    if (first && first.at < this.#arrivals.end) {
      this.#later(after(first, most))
      return before(first, most)
    }
    const ahead = this.#isTiny ? 1 : aheadEach * workers
    if (this.#arrivals.end < Infinity || (!this.wantsAll && this.#arrivals.waiting + this.#running >= ahead)) return undefined
    const items = this.#reader.take(most, this.#onTheWay < workers)
    if (this.#reader.ended && this.#reader.failure) this.#arrivals.fail(this.#read + (items ? items.to - items.from : 0), this.#reader.failure.error)
    if (!items) return undefined
    const chunk: Chunk = { at: this.#read, items }
    this.#read += lengthOf(chunk)
    return chunk
  }

  /** How many items the next chunk has. */
  #most(left: number | undefined): number {
    if (this.#isTiny) return this.#sizes.in(longestTurn)
    return this.#alone ? 1 : this.#sizes.next(left)
  }

  /** It is begun before what comes after it. */
  #later(chunk: Chunk | undefined): void {
    if (!chunk) return
    const index = this.#pending.findIndex(({ at }) => at > chunk.at)
    this.#pending.splice(index < 0 ? this.#pending.length : index, 0, chunk)
  }

  #send(chunk: Chunk): void {
    const { definition, rules } = this.#options
    const { batch, rest, refused } = pack(chunk, definition.name, rules)
    if (refused && rest) this.#refuse(rest, refused.error)
    else this.#later(rest)
    if (sizeOf(batch) === 0) return
    this.#run(chunk.at, 1, async () => {
      this.#came({ at: chunk.at, items: batch }, await this.#away.chunk(batch, { budget: chunkLimit, shares: rules.shares }, this.#calls.signal))
    })
  }

  /** The first of these cannot be sent as bytes: where threads may share it, it goes alone. */
  #refuse(chunk: Chunk, error: unknown): void {
    const item = this.#options.rules.shares && error instanceof UncloneableError ? onlyShared(chunk) : undefined
    if (!item) return this.#arrivals.fail(chunk.at, error)
    this.#later(after(chunk, 1))
    this.#run(chunk.at, loneWeight, async () => {
      this.#arrivals.add(chunk.at, [await this.#away.one(item, this.#calls.signal)])
      this.#options.done(1)
    })
  }

  #runHere(chunk: Chunk): void {
    const { list, from, to } = isRead(chunk.items) ? { list: chunk.items as ArrayLike<unknown>, from: 0, to: lengthOf(chunk) } : chunk.items
    this.#runsHere = true
    this.#run(chunk.at, 1, async () => {
      try {
        const report = await this.#here.chunk(list as ValueBatch, { budget: longestTurn, shares: true, within: { from, to } }, this.#calls.signal)
        if (report.sharing || sizeOf(report.results) === 0) this.#mayRunHere = false
        this.#came(chunk, report)
        await new Promise((resolve) => { setImmediate(resolve) })
      } finally {
        this.#runsHere = false
      }
    })
  }

  #came(chunk: Chunk, { results, sharing, error, ms, waited }: ChunkReport): void {
    const done = sizeOf(results)
    let end = chunk.at + done
    this.#sizes.learn(done, ms, lengthOf(chunk))
    this.#arrivals.add(chunk.at, valuesOf(results))
    if (sharing) {
      this.#alone = true
      this.#arrivals.add(end++, [sharing.result])
    }
    this.#options.done(end - chunk.at)
    if (waited) this.#mayRunHere = false
    if (error) this.#arrivals.fail(end, fromPortable(error))
    else this.#later(after(chunk, end - chunk.at))
    this.#bell.ring()
  }

  #run(at: number, weight: number, run: () => Promise<void>): void {
    const ended = (): void => {
      this.#onTheWay -= weight
      this.#running--
      this.#bell.ring()
    }
    this.#onTheWay += weight
    this.#running++
    this.#calls.call(run).then(ended, (error: unknown) => {
      this.#arrivals.fail(at, error)
      ended()
    })
  }
}
