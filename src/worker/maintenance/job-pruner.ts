import type { Backend } from '../../backends/backend.ts'
import type { PayloadStore } from '../../backends/payloads/payload-store.ts'
import type { PurgeFilter } from '../../backends/store.ts'
import { type FinalState, finalStates } from '../../jobs/states.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Logger } from '../../kernel/logger.ts'
import { excessAge } from './excess-age.ts'

/** How long jobs are kept that have ended. What is absent is kept for ever. */
export interface Keeping {
  /** By state, in milliseconds from their end. */
  readonly ages: Readonly<Partial<Record<FinalState, number>>>
  /** How many, of all states together: the oldest go first. */
  readonly count: number
  /** How many bytes they hold, of all states together: those that ended first go first. */
  readonly bytes: number
}

type Pruned = Pick<Backend, 'purge' | 'stats' | 'weigh'>

/** How often it looks, in milliseconds. Several workers that do share the work by chance: what they remove; and all that have ended, one of them weighs. */
const interval = 60_000

/** So many are removed in one transaction. */
const atOnce = 500

/** Removes jobs that have ended and are kept no longer. */
export class JobPruner {
  readonly #backend: Pruned
  readonly #payloads: PayloadStore | undefined
  readonly #keeping: Keeping
  readonly #clock: Clock
  readonly #log: Logger
  readonly #random: () => number

  /** @param random from 0 to 1 */
  constructor(backend: Pruned, payloads: PayloadStore | undefined, keeping: Keeping, clock: Clock, log: Logger, random: () => number = Math.random) {
    this.#backend = backend
    this.#payloads = payloads
    this.#keeping = keeping
    this.#clock = clock
    this.#log = log
    this.#random = random
  }

  /** Until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#clock.sleep(interval * (0.75 + this.#random() / 2), signal)
      if (signal.aborted) return
      try {
        const removed = await this.#byAge(signal) + await this.#byCount(signal) + await this.#byBytes(signal)
        if (removed > 0) this.#log.info({ removed }, 'jobs removed that had ended')
      } catch (error) {
        this.#log.error({ err: error }, 'jobs that are kept no longer could not be removed; it is tried again')
      }
    }
  }

  async #byAge(signal: AbortSignal): Promise<number> {
    let removed = 0
    for (const [state, age] of Object.entries(this.#keeping.ages) as [FinalState, number][]) removed += await this.#purge({ states: [state], olderThan: age }, () => Infinity, signal)
    return removed
  }

  async #byCount(signal: AbortSignal): Promise<number> {
    if (this.#keeping.count === Infinity) return 0
    // Counted before each transaction: another worker may remove some at the same time.
    return this.#purge({ states: finalStates, olderThan: 0 }, async () => await this.#ended() - this.#keeping.count, signal)
  }

  async #byBytes(signal: AbortSignal): Promise<number> {
    if (this.#keeping.bytes === Infinity || !await this.#mayWeigh()) return 0
    const excess = await excessAge(this.#backend, this.#keeping.bytes, signal)
    return excess ? this.#purge({ states: finalStates, ...excess }, () => Infinity, signal) : 0
  }

  /** To weigh is to go through all that has ended: so all workers that do it are together to do it as often as one alone would. */
  async #mayWeigh(): Promise<boolean> {
    const { workers } = await this.#backend.stats()
    return this.#random() * workers.filter(({ weighs }) => weighs).length < 1
  }

  async #ended(): Promise<number> {
    const { queues } = await this.#backend.stats()
    return Object.values(queues).reduce((sum, counts) => sum + finalStates.reduce((own, state) => own + counts[state], 0), 0)
  }

  /** @param excess how many more may go */
  async #purge(which: Pick<PurgeFilter, 'states' | 'olderThan' | 'asOf'>, excess: () => number | Promise<number>, signal: AbortSignal): Promise<number> {
    let removed = 0
    for (let from: string | undefined; !signal.aborted;) {
      const most = await excess()
      if (most <= 0) break
      const { jobs, next } = await this.#backend.purge({ ...which, limit: Math.min(atOnce, most), ...(from === undefined ? {} : { from }) })
      await this.#payloads?.forget(jobs)
      removed += jobs.length
      if (next === undefined) break
      from = next
    }
    return removed
  }
}
