import type { Clock } from '../../kernel/clock.ts'

/** After what a thread or child process is replaced, once what it was given has ended. Where something is absent it does not count. */
export interface WearLimits {
  /** So many calls. */
  readonly calls?: number | undefined
  /** So many bytes in its heap, after a call. */
  readonly heap?: number | undefined
  /** So many bytes outside of its heap, in buffers. */
  readonly external?: number | undefined
  /** So many bytes of memory, all told. For child processes: a thread has no memory of its own. */
  readonly rss?: number | undefined
}

/** To ask what the heap holds takes longer than a short call: it is asked no more often than this, in milliseconds. */
const looksEvery = 50

/** Watches what a thread or child process has been through. */
export class Wear {
  readonly #limits: WearLimits
  readonly #clock: Clock
  readonly #heapCounts: boolean
  #calls = 0
  #lookedAt = -Infinity
  #worn = false

  constructor(limits: WearLimits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
    this.#heapCounts = limits.heap !== undefined || limits.external !== undefined
  }

  /** So many calls have ended since. @returns whether it is worn out, once */
  after(calls: number): boolean {
    if (this.#worn || calls === 0) return false
    this.#calls += calls
    this.#worn = this.#calls >= (this.#limits.calls ?? Infinity) || this.#holdsTooMuch()
    return this.#worn
  }

  #holdsTooMuch(): boolean {
    const { heap = Infinity, external = Infinity, rss } = this.#limits
    if (rss !== undefined && process.memoryUsage.rss() > rss) return true
    if (!this.#heapCounts) return false
    const now = this.#clock.elapsed()
    if (now - this.#lookedAt < looksEvery) return false
    this.#lookedAt = now
    const used = process.memoryUsage()
    return used.heapUsed > heap || used.external > external
  }
}
