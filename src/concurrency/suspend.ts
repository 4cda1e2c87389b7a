import type { Timer } from '../kernel/clock.ts'
import { type Duration, milliseconds } from '../kernel/duration.ts'
import { DeadlineExceededError } from '../kernel/errors.ts'
import { checkSignal } from '../kernel/options.ts'
import { type CancelScope, currentClock, currentScope } from './cancel-scope.ts'

/** How a wait may end early, beside a cancel of the scopes around it. */
export interface WaitOptions {
  /** Ends it with the signal's reason. */
  signal?: AbortSignal
  /** Ends it with DeadlineExceededError. Default: it waits for ever. */
  timeout?: Duration
}

/**
 * One wait: it is resumed once, or given up once. Its result is what it is resumed with, unless a class of its own makes more of that. There are very many of these, so each is one object and one promise, and what few ask for is
 * made where it is asked for.
 */
export class Suspension<T, Result = T> {
  readonly promise: Promise<Result>
  protected resolve!: (value: Result) => void
  protected reject!: (reason: unknown) => void
  #over = false
  #scope: CancelScope | undefined
  #limits: { readonly signal: AbortSignal | undefined, readonly aborted: () => void, readonly timer: Timer | undefined } | undefined

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
  }

  /**
   * From now on it may be given up, unless it is over by now. Where it must be at once, it is.
   *
   * @param what for the error of a timeout
   */
  begin(what: string, options: WaitOptions | undefined): void {
    if (this.#over) return
    const scope = currentScope()
    if (scope) {
      if (scope.cancellation) return this.cancelled(scope.cancellation)
      this.#scope = scope
      scope.addWait(this)
    }
    if (options) this.#limit(what, options)
  }

  resume(value: T): void {
    if (this.finish()) this.resolve(value as unknown as Result)
  }

  /** It is given up: by its scope, its signal or its timeout. */
  cancelled(reason: unknown): void {
    if (!this.finish()) return
    this.left()
    this.reject(reason)
  }

  /** The wait is over, if it was not yet: nothing gives it up any more. */
  protected finish(): boolean {
    if (this.#over) return false
    this.#over = true
    this.#scope?.dropWait(this)
    if (this.#limits) {
      const { signal, aborted, timer } = this.#limits
      signal?.removeEventListener('abort', aborted)
      timer?.[Symbol.dispose]()
    }
    return true
  }

  /** It was given up: nothing is to be given to it any more. */
  protected left(): void {}

  #limit(what: string, { signal, timeout }: WaitOptions): void {
    if (signal === undefined && timeout === undefined) return
    // What is no signal, or no duration, must not leave it in line.
    try {
      checkSignal(what, signal)
      if (signal?.aborted) return this.cancelled(signal.reason)
      const ms = timeout === undefined ? undefined : milliseconds(timeout, 'timeout')
      const aborted = (): void => this.cancelled(signal!.reason)
      signal?.addEventListener('abort', aborted)
      this.#limits = { signal, aborted, timer: ms === undefined ? undefined : currentClock().after(ms, () => this.cancelled(new DeadlineExceededError(what))) }
    } catch (error) {
      this.cancelled(error)
    }
  }
}

/**
 * Waits until `begin` has its `resume` called, or the wait is cancelled, aborted or too late: then `abandon`, which `begin` gave, is called
 * first. Exactly one of the two happens.
 *
 * @param what for the error of a timeout
 */
export function suspend<T>(what: string, options: WaitOptions | undefined, begin: (resume: (value: T) => void) => () => void): Promise<T> {
  const suspended = new Suspended<T>()
  suspended.begin(what, options)
  suspended.wait(begin)
  return suspended.promise
}

class Suspended<T> extends Suspension<T> {
  #given = false
  #abandon: (() => void) | undefined

  wait(begin: (resume: (value: T) => void) => () => void): void {
    // Given up before it began: nothing is begun.
    if (this.#given) return
    try {
      this.#abandon = begin((value) => this.resume(value))
    } catch (error) {
      this.cancelled(error)
    }
  }

  protected override left(): void {
    this.#given = true
    this.#abandon?.()
  }
}
