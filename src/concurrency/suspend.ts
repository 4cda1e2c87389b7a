import type { Timer } from '../kernel/clock.ts'
import { type Duration, milliseconds } from '../kernel/duration.ts'
import { DeadlineExceededError } from '../kernel/errors.ts'
import { currentClock, currentScope } from './cancel-scope.ts'

/** How a wait may end early, beside a cancel of the scopes around it. */
export interface WaitOptions {
  /** Ends it with the signal's reason. */
  signal?: AbortSignal
  /** Ends it with DeadlineExceededError. Default: it waits for ever. */
  timeout?: Duration
}

/**
 * Waits until `begin` has its `resume` called, or the wait is cancelled, aborted or too late: then `abandon`, which `begin` gave, is called
 * first. Exactly one of the two happens.
 *
 * @param what for the error of a timeout
 */
export function suspend<T>(what: string, { signal, timeout }: WaitOptions, begin: (resume: (value: T) => void) => () => void): Promise<T> {
  const scope = currentScope()
  return new Promise((resolve, reject) => {
    scope?.throwIfCancelled()
    signal?.throwIfAborted()
    const ms = timeout === undefined ? Infinity : milliseconds(timeout, 'timeout')
    let over = false
    let forget: (() => void) | undefined
    let timer: Timer | undefined
    const settled = (): void => {
      over = true
      forget?.()
      signal?.removeEventListener('abort', aborted)
      timer?.[Symbol.dispose]()
    }
    const giveUp = (reason: unknown): void => {
      if (over) return
      settled()
      abandon()
      // Whoever aborts may give any reason.
      // oxlint-disable-next-line typescript/prefer-promise-reject-errors
      reject(reason)
    }
    const aborted = (): void => giveUp(signal!.reason)
    const abandon = begin((value) => {
      if (over) return
      settled()
      resolve(value)
    })
    if (over) return
    forget = scope?.whenCancelled(giveUp)
    signal?.addEventListener('abort', aborted)
    timer = ms === Infinity ? undefined : currentClock().after(ms, () => giveUp(new DeadlineExceededError(what)))
  })
}
