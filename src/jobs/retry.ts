import type { PortableError } from '../wire/portable-error.ts'
import type { RetryRules } from '../tasks/retry-options.ts'

/** What of the retry rules travels with a job: all but the functions. */
export type RetryPolicy = Pick<RetryRules, 'limit' | 'initial' | 'factor' | 'max' | 'jitter'>

/** Retry rules as data: errors by name and code only. */
export interface NamedRetryRules extends RetryPolicy {
  readonly on?: readonly string[]
  readonly giveUpOn?: readonly string[]
}

/** Whether the rules let an attempt that ended in `error` be followed by another, were there one left. */
export function allowsRetry({ name, code }: Pick<PortableError, 'name' | 'code'>, { on, giveUpOn = [] }: NamedRetryRules): boolean {
  const named = (rules: readonly string[]): boolean => rules.some((rule) => rule === name || rule === code)
  return !named(giveUpOn) && (on === undefined || named(on))
}

/**
 * How long to wait before the next attempt, or undefined where none is left.
 *
 * Exponential back-off with full jitter (Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015):
 * a random wait between 0 and the exponential one spreads jobs that failed together best.
 *
 * @param attempt the number of the attempt that failed, from 1
 * @param random from 0 to 1
 *
 * @example
 * retryDelay({ limit: 3, initial: 1_000, factor: 2, max: 60_000, jitter: 'none' }, 2, 0)   // 2000
 */
export function retryDelay(policy: RetryPolicy, attempt: number, random: number): number | undefined {
  if (attempt > policy.limit) return undefined
  // The power is infinite in the end, and infinitely many times no wait is not a number.
  const wait = policy.initial === 0 ? 0 : Math.min(policy.max, policy.initial * policy.factor ** (attempt - 1))
  return policy.jitter === 'full' ? wait * random : wait
}
