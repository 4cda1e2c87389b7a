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
  /** How many more have been asked for. */
  #asked = 0
  #wall = Infinity

  constructor(executor: Executor, clock: Pick<Clock, 'elapsed'>) {
    this.executor = executor
    this.#clock = clock
  }

  /** How many jobs are in the worker's hands, running or about to. */
  get held(): number {
    return this.#held
  }

  /** So many more are asked for; `answered` says when that is over, whatever came of it. */
  ask(many: number): void {
    this.#asked += many
  }

  answered(many: number): void {
    this.#asked -= many
  }

  take(): void {
    if (++this.#held >= this.executor.concurrency) this.busySince ??= this.#clock.elapsed()
  }

  /** @param wall how long the call took, in milliseconds, where that is known */
  drop(wall: number | undefined): void {
    this.busySince = --this.#held < this.executor.concurrency ? undefined : this.#clock.elapsed()
    if (wall !== undefined) this.#wall = this.#wall === Infinity ? wall : this.#wall + weight * (wall - this.#wall)
  }

  /** Whether it holds all that it may. */
  get isFull(): boolean {
    return this.#held >= this.#most
  }

  /** How many more it may hold. */
  get room(): number {
    return Math.max(0, this.#most - this.#held - this.#asked)
  }

  /**
   * Whether the broker should be asked at once. A lane of short jobs waits until there is room for a third of what it may hold: one exchange
   * for many jobs costs little more than one for each, and while it is under way the next can be.
   */
  get hungry(): boolean {
    return this.room > 0 && (this.#ahead === 0 || 3 * this.room >= this.#most)
  }

  get #most(): number {
    return this.executor.concurrency + this.#ahead
  }

  get #ahead(): number {
    return Math.min(mostAhead, Math.floor((workAhead * this.executor.concurrency) / Math.max(this.#wall, 0.001)))
  }
}
