import type { Executor } from '../executors/executor.ts'
import type { Clock } from '../kernel/clock.ts'

/** How much work a lane holds beyond what runs, in milliseconds: enough to hide the broker's round trip, too little to keep work from an idle worker. */
const workAhead = 5

/** However short the jobs: what a worker that dies makes others do again. */
const mostAhead = 200

/** How far the newest duration moves the average. */
const weight = 0.2

/**
 * The jobs of one place in a worker's hands: decides how many more to reserve, and when.
 *
 * Until durations are known nothing is held ahead, so that a long job never keeps another one from an idle worker.
 */
export class Lane {
  readonly executor: Executor
  /** Since when all of it has been busy without one call ending, on the clock's `elapsed()`; undefined while any is free. */
  busySince: number | undefined
  /** False once the broker gave fewer than asked, until something wakes the worker. */
  mayHaveMore = true
  readonly #clock: Pick<Clock, 'elapsed'>
  #held = 0
  #wall = Infinity

  constructor(executor: Executor, clock: Pick<Clock, 'elapsed'>) {
    this.executor = executor
    this.#clock = clock
  }

  /** How many jobs are in the worker's hands, running or about to. */
  get held(): number {
    return this.#held
  }

  take(): void {
    if (++this.#held >= this.executor.concurrency) this.busySince ??= this.#clock.elapsed()
  }

  /** @param wall how long the call took, in milliseconds, where that is known */
  drop(wall: number | undefined): void {
    this.busySince = --this.#held < this.executor.concurrency ? undefined : this.#clock.elapsed()
    if (wall !== undefined) this.#wall = this.#wall === Infinity ? wall : this.#wall + weight * (wall - this.#wall)
  }

  /** How many more it may hold. */
  get room(): number {
    return Math.max(0, this.executor.concurrency + this.#ahead - this.held)
  }

  /**
   * Whether the broker should be asked at once. A lane of short jobs waits until half of what it held is done: one exchange
   * for many jobs costs little more than one for each.
   */
  get hungry(): boolean {
    return this.room > 0 && (this.#ahead === 0 || this.held <= this.room)
  }

  get #ahead(): number {
    return Math.min(mostAhead, Math.floor((workAhead * this.executor.concurrency) / Math.max(this.#wall, 0.001)))
  }
}
