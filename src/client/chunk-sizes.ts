/** A chunk is so much work, in milliseconds: enough that carrying it costs little, too little to wait for. */
export const chunkTime = 2

/** After so long it is stopped: a little more, so that chunks usually come to their end. */
export const chunkLimit: number = 1.25 * chunkTime

/** Near the end of a source chunks are smaller, so that all workers end together; less than this, in milliseconds, is not worth its way. */
const leastTime = 0.1

/** Until more is known, a chunk has so many times as many items as the largest before it. */
const growth = 16

/** Items of a chunk at most: their results are in memory until somebody takes them. */
const mostItems = 2 ** 15

/** How far the newest time moves the average, and by how many times it may exceed that: one slow item says little of the others. */
const usual = { weight: 0.3, mostExcess: 2 }

/** The same where a chunk's time was up long before its end: the others may be as slow. */
const early = { weight: 0.5, mostExcess: 8 }

/** How many items make a chunk, from how long they took so far. */
export class ChunkSizes {
  readonly #workers: number
  #each: number | undefined
  #largest = 0

  constructor(workers: number) {
    this.#workers = workers
  }

  /** What an item takes, in milliseconds, where enough have been seen to say so. */
  get each(): number | undefined {
    return this.#largest < growth ? undefined : this.#each
  }

  /** @param given of how many these are the ones that were run */
  learn(items: number, ms: number, given: number): void {
    if (items === 0) return
    const seen = ms / items
    const { weight, mostExcess } = items * 4 < given ? early : usual
    // As long as chunks grow, the last one says more than all before it, which were slow by being compiled.
    if (this.#each === undefined || items > 2 * this.#largest) this.#each = seen
    else this.#each += weight * (Math.min(seen, mostExcess * this.#each) - this.#each)
    this.#largest = Math.max(this.#largest, items)
  }

  /** @param left how many items there are, where that is known */
  next(left: number = Infinity): number {
    const each = Math.max(this.#each ?? chunkTime, 1e-6)
    const fitting = Math.min(Math.ceil(chunkTime / each), this.#largest === 0 ? 1 : growth * this.#largest, mostItems)
    const fair = Math.ceil(left / (2 * this.#workers))
    return Math.max(1, Math.min(fitting, Math.max(fair, Math.floor(leastTime / each))))
  }

  /** How many items take so long, in milliseconds. */
  in(ms: number): number {
    return Math.max(1, Math.min(Math.ceil(ms / Math.max(this.#each ?? ms, 1e-6)), 16 * mostItems))
  }
}
