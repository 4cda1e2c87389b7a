import type { Clock } from '../../kernel/clock.ts'

/** How long work has been done in this turn of the loop. What is done at once resolves at once: a caller that awaits one after the other would never let the loop turn. */
export class LoopTurn {
  readonly #clock: Pick<Clock, 'elapsed'>
  readonly #longest: number
  #began: number | undefined

  /** @param longest milliseconds of work in one turn */
  constructor(clock: Pick<Clock, 'elapsed'>, longest: number) {
    this.#clock = clock
    this.#longest = longest
  }

  /** Whether there is time for more. */
  hasTime(): boolean {
    const now = this.#clock.elapsed()
    if (this.#began === undefined) {
      this.#began = now
      setImmediate(() => { this.#began = undefined })
    }
    return now - this.#began < this.#longest
  }
}
