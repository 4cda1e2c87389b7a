import { Permit } from '../../concurrency/permit.ts'
import type { Hold } from './hold.ts'

/**
 * A permit of a lock or semaphore that machines share. It is held while the lease of its client is renewed: once that ran out, somebody else may
 * have it.
 */
export class LeasedPermit extends Permit {
  /** Larger than that of everybody who held it before. What is protected can refuse whoever comes with a smaller one than it has seen. */
  readonly fence: number
  readonly #hold: Hold

  constructor(hold: Hold) {
    super(() => hold.giveBack())
    this.fence = hold.fence
    this.#hold = hold
  }

  /** Aborts with a LeaseLostError when the lease was lost. To read it says so too, at once, after this thread stood still: `signal.throwIfAborted()`. */
  get signal(): AbortSignal {
    return this.#hold.signal
  }
}

/** An item of a queue that machines share, until it is said to be done: where its holder ends before that, it goes to the next, before all others. */
export class LeasedItem<T> implements Disposable {
  readonly value: T
  /** Larger than with whoever had it before. */
  readonly fence: number
  readonly #hold: Hold

  constructor(hold: Hold, value: T) {
    this.value = value
    this.fence = hold.fence
    this.#hold = hold
  }

  /** Aborts with a LeaseLostError when the lease was lost: then somebody else gets the item. */
  get signal(): AbortSignal {
    return this.#hold.signal
  }

  /** It has been worked on, and nobody else gets it. Counts as `taskDone`. @throws LeaseLostError where somebody else gets it; BackendError */
  async done(): Promise<void> {
    await this.#hold.keep(true)
  }

  /** It is the next again, for whoever asks. Nothing where it is done. */
  putBack(): void {
    this.#hold.giveBack()
  }

  [Symbol.dispose](): void {
    this.putBack()
  }
}
