import { type RetryRules, mayRetry } from '../tasks/retry-options.ts'

/** `mayRetry`, where a rule of the user's that throws counts as no. */
export function retryVerdict(error: unknown, rules: RetryRules | undefined): boolean {
  try {
    return rules !== undefined && mayRetry(error, rules)
  } catch {
    return false
  }
}
