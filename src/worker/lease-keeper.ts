import type { AttemptRef, Broker, WorkerInfo } from '../backends/broker.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Logger } from '../kernel/logger.ts'

/** However long the lease: by then a worker must know that its broker is gone. In milliseconds. */
const longestSilence = 1_500

/** What a worker can name of what it holds, and since when, in milliseconds, it awaits answers that may tell of more. */
export interface Named {
  readonly attempts: readonly AttemptRef[]
  readonly unanswered: number
}

/**
 * Renews a worker's lease, and with it its right to every attempt that it holds.
 *
 * Runs on the supervisor, where no user code can block it. Every third of a lease: one renewal may fail before another worker may take the jobs.
 */
export class LeaseKeeper {
  readonly #broker: Broker
  readonly #clock: Clock
  readonly #log: Logger
  readonly #begun = Promise.withResolvers<void>()
  /** When the broker last answered, on the clock's `elapsed()`. */
  answeredAt: number
  /** What it said in place of the last answer; undefined once it answers again. */
  failure: string | undefined

  constructor(broker: Broker, clock: Clock, log: Logger) {
    this.#broker = broker
    this.#clock = clock
    this.#log = log
    this.answeredAt = clock.elapsed()
  }

  /** Resolves when the broker has heard of the worker, or said why not. */
  get begun(): Promise<void> {
    return this.#begun.promise
  }

  /**
   * Until `signal` aborts. Attempts whose lease was lost go to `onLost`: they can no longer be accepted.
   *
   * @param info said each time: who lost its lease was forgotten with what it had said
   */
  async run(worker: string, lease: number, held: () => Named, info: () => WorkerInfo, onLost: (lost: AttemptRef) => void, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const { attempts, unanswered } = held()
        const lost = await this.#broker.extend(worker, attempts, lease, info(), unanswered)
        this.answeredAt = this.#clock.elapsed()
        this.failure = undefined
        for (const attempt of lost) onLost(attempt)
      } catch (error) {
        this.failure = error instanceof Error ? error.message : String(error)
        this.#log.error({ err: error, worker }, 'the lease could not be renewed; it is tried again')
      }
      this.#begun.resolve()
      await this.#clock.sleep(Math.min(lease / 3, longestSilence), signal)
    }
  }
}
