import { AsyncLocalStorage } from 'node:async_hooks'
import { type Clock, type Timer, systemClock } from '../kernel/clock.ts'
import { type Duration, milliseconds } from '../kernel/duration.ts'
import { ClosedError, DeadlineExceededError } from '../kernel/errors.ts'
import { checkOptions } from '../kernel/options.ts'
import { cancellationOf, isCancellationWithin } from './cancellation.ts'
import { keep, none } from './error-tree.ts'
import { OutlivingSignals } from './outliving-signals.ts'

export interface CancelScopeOptions {
  /** Cancels itself so long after it began to run. Default: never. */
  timeout?: Duration
  /** A cancel from outside is not seen inside. Its own cancel, and its own deadline, are. Default: false. */
  shield?: boolean
  /** Cancels it when it aborts, with its reason as the cause. */
  signal?: AbortSignal
  /** Default: that of the scope around it; outside of all, the machine's. */
  clock?: Clock
}

/** What waits inside a scope. */
interface Wait {
  cancelled(reason: Error): void
}

const scopeOptions = { timeout: true, shield: true, signal: true, clock: true } as const

const ambient = new AsyncLocalStorage<CancelScope | undefined>()

/** Who is asked where no scope is around. */
let outermost: () => CancelScope | undefined = () => undefined

/** For what runs calls: each has a scope, which is made when somebody asks. */
export function provideScope(find: () => CancelScope | undefined): void {
  outermost = find
}

/**
 * A part of a program that can be cancelled: as in Trio, whatever is awaited inside ends with a CancelledError, which the scope that was
 * cancelled takes back where it ends. Code inside finds the scope by itself: `sleep`, `checkpoint` and all that waits here obey it, and
 * `currentSignal()` is for `fetch`, `node:fs`, timers and streams.
 *
 * A scope takes back its own cancellation alone: a real error, or that of a scope around it, passes through. Where the scopes around it
 * are cancelled too, the outermost takes it back.
 *
 * @example
 * const scope = new CancelScope({ timeout: '1ms' })
 * await scope.run(() => sleep('1h'))   // undefined
 * scope.cancelledCaught                // true
 */
export class CancelScope {
  readonly shield: boolean
  readonly #timeout: number
  readonly #signal: AbortSignal | undefined
  #clock: Clock | undefined
  #parent: CancelScope | undefined
  #state: 'new' | 'running' | 'ended' = 'new'
  #cancelCalled = false
  #cancelledCaught = false
  /** Why whatever is awaited inside ends: its own cancellation, or that of a scope around it. */
  #cancellation: Error | undefined
  #deadline = Infinity
  #timer: Timer | undefined
  #controller: AbortController | undefined
  #outliving: OutlivingSignals | undefined
  readonly #inner = new Set<CancelScope>()
  readonly #waiting = new Set<Wait>()
  readonly #onAbort = (): void => this.cancel(this.#signal!.reason)

  /** @throws InvalidOptionError */
  constructor(options: CancelScopeOptions = {}) {
    const { timeout, shield = false, signal, clock } = checkOptions('new CancelScope()', options, scopeOptions)
    this.shield = shield
    this.#timeout = timeout === undefined ? Infinity : milliseconds(timeout, 'timeout')
    this.#clock = clock
    this.#signal = signal
    if (signal?.aborted) this.#onAbort()
    else signal?.addEventListener('abort', this.#onAbort)
  }

  /** The scope that it runs in. */
  get parent(): CancelScope | undefined {
    return this.#parent
  }

  get clock(): Clock {
    return this.#clock ?? currentClock()
  }

  get ended(): boolean {
    return this.#state === 'ended'
  }

  /** Whether it was cancelled itself: by `cancel`, its deadline or its signal. */
  get cancelCalled(): boolean {
    return this.#cancelCalled
  }

  /** Whether it ended since it was cancelled itself: then `run` gave undefined. */
  get cancelledCaught(): boolean {
    return this.#cancelledCaught
  }

  /** Whether what is awaited inside ends with a cancellation, of whatever scope. */
  get cancelled(): boolean {
    return this.#cancellation !== undefined
  }

  /** Aborts when it is cancelled, or a scope around it that it is not shielded from. */
  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController()
      if (this.#cancellation) this.#controller.abort(this.#cancellation)
    }
    return this.#controller.signal
  }

  /** When it cancels itself, in milliseconds on `elapsed()` of its clock. May be moved while it runs; once it has passed, nothing takes that back. */
  get deadline(): number {
    return this.#deadline
  }

  set deadline(at: number) {
    this.#deadline = at
    this.#setTimer()
  }

  /** Milliseconds until the nearest deadline of this scope and those around it that it is not shielded from, each by its own clock; 0 where it is cancelled. */
  get timeLeft(): number {
    if (this.#cancellation) return 0
    const own = this.#deadline === Infinity ? Infinity : Math.max(0, this.#deadline - this.clock.elapsed())
    return this.shield || !this.#parent ? own : Math.min(own, this.#parent.timeLeft)
  }

  /** Ends all that is awaited inside. Nothing where it has ended, or was cancelled before. */
  cancel(cause?: unknown): void {
    if (this.#cancelCalled || this.#state === 'ended') return
    this.#cancelCalled = true
    this.#timer?.[Symbol.dispose]()
    this.#abort(this.#cancellation ?? cancellationOf(this, 'This scope', cause))
  }

  /** @throws CancelledError where what is awaited in it ends now */
  throwIfCancelled(): void {
    if (this.#cancellation) throw this.#cancellation
  }

  /**
   * Runs `fn` in it, once.
   *
   * @returns what `fn` gives; undefined where it ended since this scope was cancelled
   * @throws what `fn` throws, but for the scope's own cancellation; ClosedError where it has run before
   */
  async run<T>(fn: (scope: this) => T): Promise<Awaited<T> | undefined> {
    this.begin()
    try {
      return await this.enter(fn)
    } catch (error) {
      const left = this.withoutOwn(error)
      if (left === none) return undefined
      throw left
    } finally {
      this.end()
    }
  }

  /** One around all others, which `signal` cancels, at the deadline too: that is only told. In milliseconds on `elapsed()` of the system's clock. */
  static outermost(signal: AbortSignal, deadline: number): CancelScope {
    const scope = new CancelScope({ signal })
    scope.#beginIn(undefined)
    scope.#deadline = deadline
    return scope
  }

  /** It begins to run here, for a task group; `end` ends it. */
  begin(): void {
    this.#beginIn(currentScope())
  }

  /** Runs `fn` as inside. */
  enter<T>(fn: (scope: this) => T): T {
    return ambient.run(this, fn, this)
  }

  /** What remains of an error without this scope's own cancellation; `none` where that was all. Notes that it was caught. */
  withoutOwn(error: unknown): unknown {
    // The outermost of the scopes that are cancelled takes it back: as long as one around this is, so would whatever comes next be.
    if (!this.#cancelCalled || (!this.shield && this.#parent?.cancelled)) return error
    const left = keep(error, (leaf) => !isCancellationWithin(leaf, this))
    if (left !== error) this.#cancelledCaught = true
    return left
  }

  /** It ends: nothing cancels it any more. */
  end(): void {
    this.#state = 'ended'
    this.#timer?.[Symbol.dispose]()
    this.#signal?.removeEventListener('abort', this.#onAbort)
    const parent = this.#nearest
    if (!parent) return
    if (this.#parent) this.#parent.#inner.delete(this)
    // Whatever goes on in it ends with the scope around it.
    for (const inner of this.#inner) {
      inner.#parent = parent
      parent.#inner.add(inner)
    }
    for (const wait of this.#waiting) parent.#waiting.add(wait)
    if (this.#controller && !this.#controller.signal.aborted) (parent.#outliving ??= new OutlivingSignals()).add(this.#controller)
    if (this.#outliving) (parent.#outliving ??= new OutlivingSignals()).addAll(this.#outliving)
    if (parent.#cancellation) {
      for (const inner of this.#inner) if (!inner.shield) inner.#abort(parent.#cancellation)
      for (const wait of this.#waiting) wait.cancelled(parent.#cancellation)
    }
    this.#inner.clear()
    this.#waiting.clear()
  }

  /** Why whatever is awaited inside ends; undefined while it does not. */
  get cancellation(): Error | undefined {
    return this.#cancellation
  }

  /** It is told once, when what is awaited in the scope ends. A listener on `signal` costs ten times as much. */
  addWait(wait: Wait): void {
    this.#waiting.add(wait)
  }

  dropWait(wait: Wait): void {
    this.#waiting.delete(wait)
    if (this.ended) this.#nearest?.dropWait(wait)
  }

  /** The scope around it that still runs. */
  get #nearest(): CancelScope | undefined {
    let scope = this.#parent
    while (scope?.ended) scope = scope.#parent
    return scope
  }

  #abort(cancellation: Error): void {
    if (this.#cancellation) return
    this.#cancellation = cancellation
    for (const inner of this.#inner) if (!inner.shield) inner.#abort(cancellation)
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const wait of waiting) wait.cancelled(cancellation)
    this.#controller?.abort(cancellation)
    for (const controller of this.#outliving ?? []) controller.abort(cancellation)
  }

  #beginIn(parent: CancelScope | undefined): void {
    if (this.#state !== 'new') throw new ClosedError('This scope')
    this.#state = 'running'
    this.#parent = parent
    this.#clock ??= parent?.clock ?? systemClock
    if (parent) parent.#inner.add(this)
    if (!this.shield && parent?.cancelled) this.#abort(parent.#cancellation!)
    if (this.#timeout !== Infinity) this.deadline = Math.min(this.#deadline, this.#clock.elapsed() + this.#timeout)
    else this.#setTimer()
  }

  #setTimer(): void {
    this.#timer?.[Symbol.dispose]()
    this.#timer = undefined
    if (this.#deadline === Infinity || this.#cancelCalled || this.#state !== 'running') return
    const left = this.#deadline - this.#clock!.elapsed()
    const late = (): void => this.cancel(new DeadlineExceededError('This scope'))
    if (left <= 0) late()
    else this.#timer = this.#clock!.after(left, late)
  }
}

/** Runs `fn` as outside of all scopes: what a program runs for somebody else is not in the scope that it happens to be in. */
export function outsideScopes<T>(fn: () => T): T {
  return ambient.getStore() === undefined ? fn() : ambient.run(undefined, fn)
}

/** The innermost scope in which this code runs. In a task that is the call's own, where there is none inside it. */
export function currentScope(): CancelScope | undefined {
  let scope = ambient.getStore() ?? outermost()
  // What runs on after its scope has ended is in the one around that.
  while (scope?.ended) scope = scope.parent
  return scope
}

const neverAborts = new AbortController().signal

/**
 * Aborts when the scope in which this code runs is cancelled; outside of all scopes, never.
 *
 * @example
 * await moveOnAfter('1s', () => fetch(url, { signal: currentSignal() }))
 */
export function currentSignal(): AbortSignal {
  return currentScope()?.signal ?? neverAborts
}

/** Milliseconds until the nearest deadline around this code; `Infinity` where there is none, 0 where it is cancelled. */
export function timeLeft(): number {
  return currentScope()?.timeLeft ?? Infinity
}

/** The clock of the scope in which this code runs. */
export function currentClock(): Clock {
  return currentScope()?.clock ?? systemClock
}
