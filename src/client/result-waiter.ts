import type { Ending, Store, Watch } from '../backends/store.ts'
import type { Clock, Timer } from '../kernel/clock.ts'
import { isFinal } from '../jobs/states.ts'
import { ClosedError, UnknownJobError } from '../kernel/errors.ts'

/** How often it is looked whether the jobs that are waited for are still there, and under way, in milliseconds, and at how many at a time. */
const lookEvery = 5_000
const lookedAt = 500

/** Waits for the ends of jobs, all through one watch. One that is removed meanwhile ends the wait too: no watch tells of that. Nor does a watch whose way is cut, and does not know it yet. */
export class ResultWaiter {
  readonly #store: Store
  readonly #waiting = new Map<string, Set<PromiseWithResolvers<Ending>>>()
  readonly #clock: Clock
  #watch: Watch | undefined
  #look: Timer | undefined

  constructor(store: Store, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  /** Resolves when the job has ended; rejects with `signal`'s reason where that comes first. */
  async end(job: string, signal: AbortSignal): Promise<Ending> {
    signal.throwIfAborted()
    const waiter = Promise.withResolvers<Ending>()
    const giveUp = (): void => waiter.reject(signal.reason as Error)
    signal.addEventListener('abort', giveUp)
    this.#add(job, waiter)
    try {
      return await waiter.promise
    } finally {
      signal.removeEventListener('abort', giveUp)
      this.#drop(job, waiter)
    }
  }

  close(): void {
    this.#look?.[Symbol.dispose]()
    this.#watch?.[Symbol.dispose]()
    this.#fail(new ClosedError('The client'))
  }

  #add(job: string, waiter: PromiseWithResolvers<Ending>): void {
    const others = this.#waiting.get(job)
    if (others) return void others.add(waiter)
    this.#waiting.set(job, new Set([waiter]))
    this.#watch ??= this.#store.watch((endings) => this.#ended(endings), (error) => this.#fail(error))
    this.#watch.add(job)
    this.#lookLater()
  }

  #lookLater(): void {
    this.#look ??= this.#clock.after(lookEvery, () => void this.#lookNow(), { background: true })
  }

  async #lookNow(): Promise<void> {
    const jobs = [...this.#waiting.keys()].slice(0, lookedAt)
    try {
      for (const [at, known] of (await this.#store.read(jobs)).entries()) {
        const job = jobs[at]!
        const waiters = this.#waiting.get(job)
        if (!waiters) continue
        if (!known) for (const waiter of waiters) waiter.reject(new UnknownJobError(job))
        // To the end: the others have their turn first.
        this.#waiting.delete(job)
        if (known) this.#waiting.set(job, waiters)
        else this.#watch?.delete(job)
        if (known && isFinal(known.state)) this.#ended([{ job, state: known.state, result: known.result, error: known.error, attempt: known.attempt }])
      }
    } catch {
      // The watch, or the next call, tells what is wrong.
    }
    this.#look = undefined
    if (this.#waiting.size > 0) this.#lookLater()
  }

  #drop(job: string, waiter: PromiseWithResolvers<Ending>): void {
    const waiters = this.#waiting.get(job)
    if (!waiters?.delete(waiter) || waiters.size > 0) return
    this.#waiting.delete(job)
    this.#watch?.delete(job)
  }

  #ended(endings: readonly Ending[]): void {
    for (const ending of endings) {
      for (const waiter of this.#waiting.get(ending.job) ?? []) waiter.resolve(ending)
    }
  }

  #fail(error: unknown): void {
    for (const waiters of this.#waiting.values()) for (const waiter of waiters) waiter.reject(error)
  }
}
