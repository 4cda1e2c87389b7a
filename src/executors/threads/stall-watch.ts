import type { Clock, Timer } from '../../kernel/clock.ts'
import type { TaskThread } from './task-thread.ts'

export interface StallWatchOptions {
  readonly clock: Clock
  /** Milliseconds that a loop may stand still. */
  readonly limit: number
  readonly threads: () => Iterable<TaskThread>
  /** A loop has stood still for `ms` so far. */
  readonly onStall: (thread: TaskThread, ms: number) => void
  /** A loop has reached the limit. */
  readonly onLimit: (thread: TaskThread, ms: number) => void
}

interface Seen {
  beats: number
  still: number
}

/**
 * Looks, while calls are in flight, whether the loops of hosted threads turn.
 *
 * When the host itself was held up, one look counts for no more than two intervals: its own stall is not a loop's.
 */
export class StallWatch {
  readonly #options: StallWatchOptions
  readonly #every: number
  readonly #seen = new WeakMap<TaskThread, Seen>()
  #next: Timer | undefined

  constructor(options: StallWatchOptions) {
    this.#options = options
    this.#every = Math.max(1, Math.min(500, options.limit / 4))
  }

  /** Called when calls were sent. */
  wake(): void {
    if (this.#next) return
    const { clock } = this.#options
    const before = clock.elapsed()
    this.#next = clock.after(this.#every, () => {
      this.#next = undefined
      this.#look(Math.min(clock.elapsed() - before, 2 * this.#every))
    })
  }

  stop(): void {
    this.#next?.[Symbol.dispose]()
    this.#next = undefined
  }

  #look(passed: number): void {
    const { threads, limit, onStall, onLimit } = this.#options
    let busy = false
    for (const thread of threads()) {
      if (thread.inFlight.size === 0) {
        this.#seen.delete(thread)
        continue
      }
      busy = true
      const { beats } = thread.board
      const seen = this.#seen.get(thread)
      if (!seen || seen.beats !== beats || !thread.ready) {
        this.#seen.set(thread, { beats, still: 0 })
        continue
      }
      seen.still += passed
      if (seen.still >= limit) onLimit(thread, seen.still)
      else onStall(thread, seen.still)
    }
    if (busy) this.wake()
  }
}
