import type { Clock, Timer } from '../kernel/clock.ts'
import { type Deadline, left } from '../kernel/deadline.ts'

/** The wait of a service that closes: until its work is done, or until the nearest of the deadlines that it is given. */
export class Drain {
  readonly #clock: Clock
  readonly #timers: Timer[] = []
  readonly #over = Promise.withResolvers<void>()
  #ended = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Resolves when the wait is over. */
  get over(): Promise<void> {
    return this.#over.promise
  }

  by(deadline: Deadline): void {
    if (this.#ended) return
    this.#timers.push(this.#clock.after(left(deadline, this.#clock.elapsed()), () => this.end()))
  }

  /** The work is done. */
  end(): void {
    this.#ended = true
    for (const timer of this.#timers.splice(0)) timer[Symbol.dispose]()
    this.#over.resolve()
  }
}
