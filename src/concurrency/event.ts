import { count } from '../kernel/count.ts'
import { currentScope } from './cancel-scope.ts'
import type { WaitOptions } from './suspend.ts'
import { WaitList } from './wait-list.ts'

/**
 * Something that happens once; whoever waits for it goes on then, and nobody waits any more. As `trio.Event`: there is no `clear`, after
 * which nobody could say who has seen what. For a second time, make a second one.
 *
 * @example
 * const ready = new Event()
 * setImmediate(() => ready.set())
 * await ready.wait()
 * ready.isSet   // true
 */
export class Event {
  #isSet = false
  readonly #waiting = new WaitList('An event')

  get isSet(): boolean {
    return this.#isSet
  }

  set(): void {
    this.#isSet = true
    this.#waiting.wakeAll()
  }

  /** @throws CancelledError, DeadlineExceededError, the reason of the signal */
  async wait(options?: WaitOptions): Promise<void> {
    if (!this.#isSet) return this.#waiting.wait(options)
    currentScope()?.throwIfCancelled()
    options?.signal?.throwIfAborted()
  }

  statistics(): { readonly waiting: number } {
    return { waiting: this.#waiting.size }
  }
}

/**
 * So many wait for each other: when the last has come, all go on, and it begins anew. As `asyncio.Barrier`.
 *
 * @example
 * const barrier = new Barrier(2)
 * await Promise.all([barrier.wait(), barrier.wait()])   // [ 0, 1 ]
 */
export class Barrier {
  readonly parties: number
  readonly #waiting = new WaitList<number>('A barrier')

  /** @throws InvalidOptionError */
  constructor(parties: number) {
    this.parties = count('A barrier', parties)
  }

  /**
   * Who gives up is no longer counted: the others wait for one more.
   *
   * @returns which one it was to come, from 0
   * @throws CancelledError, DeadlineExceededError, the reason of the signal
   */
  async wait(options?: WaitOptions): Promise<number> {
    currentScope()?.throwIfCancelled()
    options?.signal?.throwIfAborted()
    const before = this.#waiting.size
    if (before + 1 < this.parties) return this.#waiting.wait(options)
    for (let index = 0; index < before; index++) this.#waiting.wakeFirst(index)
    return before
  }

  statistics(): { readonly parties: number, readonly waiting: number } {
    return { parties: this.parties, waiting: this.#waiting.size }
  }
}
