import type { Duration } from '../../kernel/duration.ts'
import { Permit } from '../permit.ts'
import type { Lock, Semaphore } from '../semaphore.ts'
import type { WaitOptions } from '../suspend.ts'
import type { Link } from './link.ts'
import { RemoteEnd } from './remote-end.ts'
import { Loan, type Servable } from './served-end.ts'

export function servableSemaphore(semaphore: Semaphore | Lock): Servable {
  return {
    asked: {
      acquire: (_, signal) => semaphore.acquire({ signal: signal() }).then((permit) => new Loan(() => permit.release()))
    },
    told: {}
  }
}

/**
 * A semaphore or lock of another thread or process, as one of this one. Where a thread or process ends, by whatever cause, what it holds is
 * given back: what it left half done is for the others to find.
 */
export class RemoteSemaphore implements Disposable {
  readonly #what: string
  readonly #end: RemoteEnd

  /** Use `connectSemaphore` or `connectLock`. */
  constructor(link: Link, what: string) {
    this.#what = what
    this.#end = new RemoteEnd(link)
  }

  /** @throws CancelledError, DeadlineExceededError, the reason of the signal; LinkLostError */
  async acquire(options?: WaitOptions): Promise<Permit> {
    return this.#permit(await this.#end.borrow('acquire', this.#what, options))
  }

  /**
   * As `acquire`, with this thread asleep: for threads that compute, and not for processes. Not where the thread of the semaphore waits for
   * this one.
   *
   * @throws DeadlineExceededError, LinkLostError; InvalidOptionError between processes
   */
  acquireSync({ timeout }: { timeout?: Duration } = {}): Permit {
    return this.#permit(this.#end.askSync('acquire', undefined, this.#what, timeout).id)
  }

  /** Holds it while `fn` runs. */
  async run<T>(fn: () => T, options?: WaitOptions): Promise<Awaited<T>> {
    using _held = await this.acquire(options)
    return await fn()
  }

  /** Nothing more is asked of it here, and what is held here is given back. What waits here gets LinkLostError. */
  close(): void {
    this.#end.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #permit(id: number): Permit {
    return new Permit(() => {
      this.#end.giveBack(id)
      // A thread that computes may not turn for long: the others need not wait for that.
      this.#end.flush()
    })
  }
}
