import { type RetryOptions, checkRetry, mayRetry, retryDelay } from '../kernel/retry-options.ts'
import { cancellerOf } from './cancellation.ts'
import { currentScope } from './cancel-scope.ts'
import { sleep } from './sleep.ts'

/**
 * Calls `fn` again where it fails, after a wait that grows, as the policy says; what a task's `retry` does for its jobs. A cancellation is
 * never tried again, and ends the wait.
 *
 * @param policy an empty one is one attempt
 * @throws what the last attempt threw; CancelledError; InvalidOptionError
 *
 * @example
 * await retry(async (attempt) => {
 *   if (attempt < 3) throw new Error('not yet')
 *   return attempt
 * }, { limit: 5, initial: '1ms' })   // 3
 */
export async function retry<T>(fn: (attempt: number) => T, policy: RetryOptions): Promise<Awaited<T>> {
  const rules = checkRetry(policy)
  for (let attempt = 1; ; attempt++) {
    try {
      return await fn(attempt)
    } catch (error) {
      const wait = currentScope()?.cancelled || cancellerOf(error) || !mayRetry(error, rules) ? undefined : retryDelay(rules, attempt, Math.random())
      if (wait === undefined) throw error
      await sleep(wait)
    }
  }
}
