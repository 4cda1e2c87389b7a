import { CancelScope, currentScope } from './cancel-scope.ts'
import type { Permit } from './permit.ts'
import { Lock } from './semaphore.ts'
import { type WaitOptions } from './suspend.ts'
import { WaitList } from './wait-list.ts'

/**
 * Whoever holds its lock can wait until another says that something has changed. As `threading.Condition` and `trio.Condition`.
 *
 * @example
 * const condition = new Condition()
 * const items: number[] = []
 * setImmediate(() => condition.run(() => { items.push(1); condition.notify() }))
 * using held = await condition.acquire()
 * await condition.waitFor(() => items.length > 0)
 * items.pop()   // 1
 */
export class Condition {
  readonly #lock: Lock
  readonly #waiting = new WaitList('A condition')

  /** @param lock several conditions may share one. Default: one of its own */
  constructor(lock: Lock = new Lock()) {
    this.#lock = lock
  }

  acquire(options?: WaitOptions): Promise<Permit> {
    return this.#lock.acquire(options)
  }

  /** Holds the lock while `fn` runs. */
  run<T>(fn: () => T, options?: WaitOptions): Promise<Awaited<T>> {
    return this.#lock.run(fn, options)
  }

  /**
   * Gives back the lock, which the caller holds, waits for a notification, and holds it again: also where the wait is cancelled or too late.
   *
   * @throws CancelledError, DeadlineExceededError, the reason of the signal; InvalidOptionError where nobody holds the lock
   */
  async wait(options?: WaitOptions): Promise<void> {
    currentScope()?.throwIfCancelled()
    this.#lock.release()
    try {
      await this.#waiting.wait(options)
    } finally {
      // The caller's permit is good again, whatever happened. A cancel must not keep it from that.
      await new CancelScope({ shield: true }).run(() => this.#lock.acquire())
    }
  }

  /** Waits until `holds` does; it is asked while the lock is held. */
  async waitFor(holds: () => boolean, options?: WaitOptions): Promise<void> {
    while (!holds()) await this.wait(options)
  }

  /** Lets so many go on that wait, first come first. The caller holds the lock. */
  notify(most = 1): void {
    for (let left = most; left > 0 && this.#waiting.wakeFirst(); left--);
  }

  notifyAll(): void {
    this.#waiting.wakeAll()
  }

  statistics(): { readonly locked: boolean, readonly waiting: number, readonly lockWaiting: number } {
    const { locked, waiting } = this.#lock.statistics()
    return { locked, waiting: this.#waiting.size, lockWaiting: waiting }
  }
}
