import { count } from '../kernel/count.ts'
import { InvalidOptionError, WouldBlockError } from '../kernel/errors.ts'
import { currentScope } from './cancel-scope.ts'
import { Permit } from './permit.ts'
import type { WaitOptions } from './suspend.ts'
import { WaitList } from './wait-list.ts'

export interface SemaphoreStatistics {
  readonly value: number
  readonly waiting: number
}

/**
 * So many may hold it at the same time; the others wait, first come first served. As `asyncio.Semaphore` and `trio.Semaphore`.
 *
 * @example
 * const semaphore = new Semaphore(2)
 * await semaphore.run(() => 42)   // 42
 * using permit = await semaphore.acquire()
 * semaphore.value   // 1
 */
export class Semaphore {
  #value: number
  readonly #waiting = new WaitList('A semaphore')
  readonly #giveBack = (): void => this.release()

  /** @throws InvalidOptionError */
  constructor(value: number) {
    if (value !== 0) count('A semaphore', value)
    this.#value = value
  }

  /** How many could hold it now, beside those who do. */
  get value(): number {
    return this.#value
  }

  /** @throws CancelledError, DeadlineExceededError, the reason of the signal */
  async acquire(options?: WaitOptions): Promise<Permit> {
    await this.#take(options)
    return new Permit(() => this.release())
  }

  /** @throws WouldBlockError where it would have to wait */
  acquireNow(): Permit {
    if (this.#value === 0) throw new WouldBlockError('The semaphore')
    this.#value--
    return new Permit(() => this.release())
  }

  /** One more may hold it. A permit does this by itself. */
  release(): void {
    if (!this.#waiting.wakeFirst()) this.#value++
  }

  /** Holds it while `fn` runs. */
  run<T>(fn: () => T, options?: WaitOptions): Promise<Awaited<T>> {
    return this.#value === 0 ? this.#waiting.run(fn, this.#giveBack, options) : this.#runNow(fn, options)
  }

  async #runNow<T>(fn: () => T, options: WaitOptions | undefined): Promise<Awaited<T>> {
    await this.#take(options)
    try {
      return await fn()
    } finally {
      this.release()
    }
  }

  statistics(): SemaphoreStatistics {
    return { value: this.#value, waiting: this.#waiting.size }
  }

  #take(options: WaitOptions | undefined): Promise<void> | undefined {
    if (this.#value === 0) return this.#waiting.wait(options)
    currentScope()?.throwIfCancelled()
    options?.signal?.throwIfAborted()
    this.#value--
    return undefined
  }
}

/**
 * One at a time; the others wait, first come first served. Who waits for a lock that it holds itself waits for ever: it is not re-entrant.
 *
 * @example
 * const lock = new Lock()
 * using held = await lock.acquire()
 * lock.locked   // true
 */
export class Lock {
  readonly #semaphore = new Semaphore(1)

  get locked(): boolean {
    return this.#semaphore.value === 0
  }

  /** @throws CancelledError, DeadlineExceededError, the reason of the signal */
  acquire(options?: WaitOptions): Promise<Permit> {
    return this.#semaphore.acquire(options)
  }

  /** @throws WouldBlockError where somebody holds it */
  acquireNow(): Permit {
    if (this.locked) throw new WouldBlockError('The lock')
    return this.#semaphore.acquireNow()
  }

  /** Holds it while `fn` runs. */
  run<T>(fn: () => T, options?: WaitOptions): Promise<Awaited<T>> {
    return this.#semaphore.run(fn, options)
  }

  /** Gives it back for whoever holds it; a permit does this by itself. @throws InvalidOptionError where nobody holds it */
  release(): void {
    if (!this.locked) throw new InvalidOptionError('Lock.release()', 'a lock that is free', 'a lock that is held')
    this.#semaphore.release()
  }

  statistics(): { readonly locked: boolean, readonly waiting: number } {
    return { locked: this.locked, waiting: this.#semaphore.statistics().waiting }
  }
}
