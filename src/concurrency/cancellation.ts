import { CancelledError } from '../kernel/errors.ts'

/** A scope, as far as cancellations know it. */
interface Canceller {
  readonly parent: Canceller | undefined
}

const cancellers = new WeakMap<Error, Canceller>()

/** What is thrown, and what signals abort with, when `scope` is cancelled. */
export function cancellationOf(scope: Canceller, what: string, cause: unknown): CancelledError {
  const error = new CancelledError(what, cause === undefined ? undefined : { cause })
  cancellers.set(error, scope)
  return error
}

/**
 * The scope whose cancellation an error is; undefined where it is none. What Node itself throws when a signal aborts
 * has the signal's reason as its cause.
 */
export function cancellerOf(error: unknown): Canceller | undefined {
  if (!(error instanceof Error)) return undefined
  return cancellers.get(error) ?? (error.name === 'AbortError' && error.cause instanceof Error ? cancellers.get(error.cause) : undefined)
}

/** Whether an error is a cancellation: of this scope, or of one inside it. */
export function isCancellationWithin(error: unknown, scope: Canceller): boolean {
  for (let canceller = cancellerOf(error); canceller; canceller = canceller.parent) if (canceller === scope) return true
  return false
}
