import type { Ending, Store, Watch } from '../backends/store.ts'
import { ClosedError } from '../kernel/errors.ts'

/** Waits for the ends of jobs, all through one watch. */
export class ResultWaiter {
  readonly #store: Store
  readonly #waiting = new Map<string, Set<PromiseWithResolvers<Ending>>>()
  #watch: Watch | undefined

  constructor(store: Store) {
    this.#store = store
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
    this.#watch?.[Symbol.dispose]()
    this.#fail(new ClosedError('The client'))
  }

  #add(job: string, waiter: PromiseWithResolvers<Ending>): void {
    const others = this.#waiting.get(job)
    if (others) return void others.add(waiter)
    this.#waiting.set(job, new Set([waiter]))
    this.#watch ??= this.#store.watch((endings) => this.#ended(endings), (error) => this.#fail(error))
    this.#watch.add(job)
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
