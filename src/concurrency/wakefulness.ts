import { availableParallelism } from 'node:os'
import type { Clock } from '../kernel/clock.ts'

/**
 * Keeps this thread's loop turning for a moment: who answers a message, or waits for an answer, mostly has the next one soon, and a loop
 * that sleeps takes longer to be woken than the rest of the way. On a single core it would only keep the other side from its work.
 */
export class Wakefulness {
  readonly #clock: Pick<Clock, 'elapsed'>
  readonly #ms: number
  #until = 0
  #turning = false

  /** @param ms how long, in milliseconds, after the last `stay` */
  constructor(clock: Pick<Clock, 'elapsed'>, ms: number) {
    this.#clock = clock
    this.#ms = availableParallelism() > 1 ? ms : 0
  }

  stay(): void {
    if (this.#ms === 0) return
    this.#until = this.#clock.elapsed() + this.#ms
    if (this.#turning) return
    this.#turning = true
    this.#turn()
  }

  sleep(): void {
    this.#until = 0
  }

  #turn(): void {
    setImmediate(() => {
      if (this.#clock.elapsed() < this.#until) this.#turn()
      else this.#turning = false
    })
  }
}
