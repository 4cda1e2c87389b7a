import { Suspension, type WaitOptions } from './suspend.ts'

/** What is done at once, before whoever waits goes on. */
export interface WaitHooks<T> {
  woken?(value: T): void
  /** It gave up, and is out of the list. */
  left?(): void
}

/**
 * Those who wait for something, first come first. Whoever gives up is taken out, in constant time: nothing is ever given to one that no
 * longer waits.
 */
export class WaitList<T = void> {
  readonly #what: string
  #first: Waiter<T> | undefined
  #last: Waiter<T> | undefined
  #size = 0

  /** @param what is waited for, for the error of a timeout */
  constructor(what: string) {
    this.#what = what
  }

  get size(): number {
    return this.#size
  }

  /**
   * Waits at the end.
   *
   * @throws CancelledError, DeadlineExceededError, the reason of the signal
   */
  wait(options?: WaitOptions, hooks?: WaitHooks<T>): Promise<T> {
    const waiter = new Waiter(this, hooks)
    waiter.before = this.#last
    if (this.#last) this.#last.after = waiter
    else this.#first = waiter
    this.#last = waiter
    this.#size++
    waiter.begin(this.#what, options)
    return waiter.promise
  }

  /** Lets the first go on. False where nobody waits. */
  wakeFirst(value: T): boolean {
    const waiter = this.#first
    if (!waiter) return false
    this.remove(waiter)
    waiter.hooks?.woken?.(value)
    waiter.resume(value)
    return true
  }

  /** Lets all go on that wait now. @returns how many */
  wakeAll(value: T): number {
    const waiting = this.#size
    for (let left = waiting; left > 0; left--) this.wakeFirst(value)
    return waiting
  }

  /** For the waiter itself. */
  remove(waiter: Waiter<T>): void {
    if (waiter.before) waiter.before.after = waiter.after
    else this.#first = waiter.after
    if (waiter.after) waiter.after.before = waiter.before
    else this.#last = waiter.before
    this.#size--
  }
}

class Waiter<T> extends Suspension<T> {
  before: Waiter<T> | undefined
  after: Waiter<T> | undefined
  readonly #list: WaitList<T>
  readonly hooks: WaitHooks<T> | undefined

  constructor(list: WaitList<T>, hooks: WaitHooks<T> | undefined) {
    super()
    this.#list = list
    this.hooks = hooks
  }

  protected override left(): void {
    this.#list.remove(this)
    this.hooks?.left?.()
  }
}
