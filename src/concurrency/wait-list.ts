import { AsyncResource } from 'node:async_hooks'
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
  #first: Waiting<T> | undefined
  #last: Waiting<T> | undefined
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
    const waiter = new Waiter<T>(this, hooks)
    this.#enter(waiter, options)
    return waiter.promise
  }

  /**
   * Runs `fn` when its turn has come, and then gives back. As `wait` and then a call, but while it waits it is no more than an object in line.
   *
   * @param giveBack called once `fn` has ended
   * @throws as `wait`; what `fn` throws
   */
  run<Result>(fn: () => Result, giveBack: () => void, options?: WaitOptions): Promise<Awaited<Result>> {
    const turn = new Turn<T, Result>(this, fn, giveBack)
    this.#enter(turn, options)
    return turn.promise
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
  remove(waiter: Waiting<T>): void {
    if (waiter.before) waiter.before.after = waiter.after
    else this.#first = waiter.after
    if (waiter.after) waiter.after.before = waiter.before
    else this.#last = waiter.before
    this.#size--
  }

  #enter(waiter: Waiting<T>, options: WaitOptions | undefined): void {
    waiter.before = this.#last
    if (this.#last) this.#last.after = waiter
    else this.#first = waiter
    this.#last = waiter
    this.#size++
    waiter.begin(this.#what, options)
  }
}

/** One in line, whatever its result will be. */
interface Waiting<T> {
  before: Waiting<T> | undefined
  after: Waiting<T> | undefined
  readonly hooks: WaitHooks<T> | undefined
  begin(what: string, options: WaitOptions | undefined): void
  resume(value: T): void
}

class Waiter<T, Result = T> extends Suspension<T, Result> {
  before: Waiting<T> | undefined
  after: Waiting<T> | undefined
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

const now = Promise.resolve()

/** One whose turn it will be to run something. In line there may be very many, with no frame of an async function each. */
class Turn<T, Result> extends Waiter<T, Awaited<Result>> {
  /** One has just ended, and nothing else is under way: who comes next need not wait for the end of this job. */
  static #isEnding = false
  readonly #fn: () => Result
  readonly #giveBack: () => void
  /** What whoever asked for it is in, such as a cancel scope, is what it runs in. */
  readonly #around = new AsyncResource('treadle.turn', { requireManualDestroy: true })

  constructor(list: WaitList<T>, fn: () => Result, giveBack: () => void) {
    super(list, undefined)
    this.#fn = fn
    this.#giveBack = giveBack
  }

  override resume(): void {
    if (!this.finish()) return
    if (!Turn.#isEnding) return void now.then(() => this.#run())
    Turn.#isEnding = false
    this.#run()
    Turn.#isEnding = true
  }

  #run(): void {
    let result: Promise<Awaited<Result>>
    try {
      result = Promise.resolve<Result>(this.#around.runInAsyncScope(this.#fn))
    } catch (error) {
      result = Promise.reject(error)
    }
    result.then((value) => {
      this.#end()
      this.resolve(value)
    }, (error: unknown) => {
      this.#end()
      this.reject(error)
    })
  }

  #end(): void {
    Turn.#isEnding = true
    this.#giveBack()
    Turn.#isEnding = false
  }
}
