import { type WaitOptions, suspend } from './suspend.ts'

interface Waiter<T> {
  readonly resume: (value: T) => void
  before: Waiter<T> | undefined
  after: Waiter<T> | undefined
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
   * @param leaves called where it gives up, once it is out of the list
   * @throws CancelledError, DeadlineExceededError, the reason of the signal
   */
  wait(options: WaitOptions = {}, leaves?: () => void): Promise<T> {
    return suspend<T>(this.#what, options, (resume) => {
      const waiter: Waiter<T> = { resume, before: this.#last, after: undefined }
      if (this.#last) this.#last.after = waiter
      else this.#first = waiter
      this.#last = waiter
      this.#size++
      return () => {
        this.#remove(waiter)
        leaves?.()
      }
    })
  }

  /** Lets the first go on. False where nobody waits. */
  wakeFirst(value: T): boolean {
    const waiter = this.#first
    if (!waiter) return false
    this.#remove(waiter)
    waiter.resume(value)
    return true
  }

  /** Lets all go on that wait now. @returns how many */
  wakeAll(value: T): number {
    const waiting = this.#size
    for (let left = waiting; left > 0; left--) this.wakeFirst(value)
    return waiting
  }

  #remove(waiter: Waiter<T>): void {
    if (waiter.before) waiter.before.after = waiter.after
    else this.#first = waiter.after
    if (waiter.after) waiter.after.before = waiter.before
    else this.#last = waiter.before
    this.#size--
  }
}
