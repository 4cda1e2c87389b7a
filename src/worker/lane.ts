import type { Executor } from '../executors/executor.ts'

/** How much work a lane holds beyond what runs, in milliseconds: enough to hide the broker's round trip, too little to keep work from an idle worker. */
const ahead = 5

/** However short the jobs: what a worker that dies makes others do again. */
const mostAhead = 200

/** How far the newest duration moves the average. */
const weight = 0.1

/**
 * The jobs of one place in a worker's hands: decides how many more to reserve.
 *
 * Until durations are known nothing is held ahead, so that a long job never keeps another one from an idle worker.
 */
export class Lane {
  readonly executor: Executor
  held = 0
  /** False once the broker gave fewer than asked, until something wakes the worker. */
  mayHaveMore = true
  #wall = Infinity

  constructor(executor: Executor) {
    this.executor = executor
  }

  get room(): number {
    const { concurrency } = this.executor
    const held = Math.min(mostAhead, Math.floor((ahead * concurrency) / Math.max(this.#wall, 0.001)))
    return Math.max(0, concurrency + held - this.held)
  }

  learn(wall: number): void {
    this.#wall = this.#wall === Infinity ? wall : this.#wall + weight * (wall - this.#wall)
  }
}
