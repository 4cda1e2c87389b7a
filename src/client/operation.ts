import { currentScope } from '../concurrency/cancel-scope.ts'
import { type Exit, leavable } from '../concurrency/leavable.ts'
import { WaitList } from '../concurrency/wait-list.ts'
import { CancelledError, InvalidOptionError } from '../kernel/errors.ts'

/** How a slow client's work tells of itself. */
export interface OperationControl<Result, Progress> {
  /** It has succeeded. What is said after it has ended is passed over, here and below. */
  readonly resolve: (result: Result) => void
  readonly reject: (error: unknown) => void
  /** How far it has come. */
  readonly progress: (progress: Progress) => void
  /** Aborts when it is cancelled. */
  readonly signal: AbortSignal
}

/**
 * Slow work that has begun: it can be awaited, asked how far it has come, and cancelled. `operation` and `local().start` make one.
 *
 * It is cancelled with the scope that it was begun in. An error of which nobody asks the result disturbs nobody.
 */
export class Operation<Result, Progress> {
  readonly #outcome = Promise.withResolvers<Result>()
  readonly #controller = new AbortController()
  readonly #news = new WaitList('How far it has come')
  #state: 'running' | 'succeeded' | 'failed' | 'cancelled' = 'running'
  #progress: Progress | undefined
  #said = 0
  #leave: (() => void) | undefined

  /** Use `operation`. */
  constructor(begin: (own: OperationControl<Result, Progress>) => (() => void) | void) {
    this.#outcome.promise.catch(() => {})
    const scope = currentScope()
    const wait = { cancelled: (reason: Error) => this.cancel(reason) }
    this.#leave = () => scope?.dropWait(wait)
    const refused = scope?.cancellation
    if (refused) this.cancel(refused)
    else {
      scope?.addWait(wait)
      this.#begin(begin)
    }
  }

  get state(): 'running' | 'succeeded' | 'failed' | 'cancelled' {
    return this.#state
  }

  /** How far it has come, by the last that it said; undefined while it has said nothing. */
  get progress(): Progress | undefined {
    return this.#progress
  }

  /** @throws what it failed with; CancelledError, or the reason that `cancel` was given */
  result(): Promise<Result> {
    return this.#outcome.promise
  }

  /** Ends it: its signal aborts, and what its client gave for that is called. Nothing where it has ended. */
  cancel(reason: unknown = new CancelledError('The operation')): void {
    if (!this.#end('cancelled')) return
    this.#outcome.reject(reason)
    this.#controller.abort(reason)
  }

  /** How far it has come, again and again, until it ends, however it ends: who is slower than it gets the latest. */
  watch(): AsyncGenerator<Progress, void, undefined> {
    return leavable((exit) => {
      exit.heard = () => this.#news.wakeAll()
      return this.#watch(exit)
    })
  }

  async *#watch(exit: Exit): AsyncGenerator<Progress, void, undefined> {
    for (let seen = 0; !exit.left;) {
      if (this.#said > seen) {
        seen = this.#said
        yield this.#progress as Progress
      } else if (this.#state !== 'running') return
      else await this.#news.wait()
    }
  }

  #begin(begin: (own: OperationControl<Result, Progress>) => (() => void) | void): void {
    try {
      const stop = begin({
        resolve: (result) => { if (this.#end('succeeded')) this.#outcome.resolve(result) },
        reject: (error) => { if (this.#end('failed')) this.#outcome.reject(error) },
        progress: (progress) => {
          if (this.#state !== 'running') return
          this.#progress = progress
          this.#said++
          this.#news.wakeAll()
        },
        signal: this.#controller.signal
      })
      // It may have been cancelled by what it did itself: only now is known how it is stopped.
      if (stop === undefined) return
      if (typeof stop !== 'function') throw new InvalidOptionError('operation()', stop, 'nothing, or a function that stops it, from a function that is not async')
      if (this.state === 'cancelled') stopped(stop)
      else this.#controller.signal.addEventListener('abort', () => stopped(stop))
    } catch (error) {
      if (this.#end('failed')) this.#outcome.reject(error)
    }
  }

  #end(state: 'succeeded' | 'failed' | 'cancelled'): boolean {
    if (this.#state !== 'running') return false
    this.#state = state
    this.#leave?.()
    this.#news.wakeAll()
    return true
  }
}

/** What goes wrong in it is warned of: whoever cancels is not to suffer from it. */
function stopped(stop: () => void): void {
  try {
    stop()
  } catch (error) {
    process.emitWarning(error instanceof Error ? error : String(error))
  }
}

/**
 * Wraps the work of a slow client that tells by callbacks how far it has come and when it is done.
 *
 * @param begin begins it; what it gives is called where it is cancelled: what that throws is warned of. What `begin` throws is the operation's error
 *
 * @example
 * const download = operation<string, number>((own) => {
 *   own.progress(0.5)
 *   const timer = setImmediate(() => own.resolve('all of it'))
 *   return () => clearImmediate(timer)
 * })
 * download.progress          // 0.5
 * await download.result()    // 'all of it'
 */
export function operation<Result, Progress = unknown>(begin: (own: OperationControl<Result, Progress>) => (() => void) | void): Operation<Result, Progress> {
  return new Operation(begin)
}
