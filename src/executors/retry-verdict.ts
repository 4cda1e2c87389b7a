import { InvalidArgumentsError } from '../kernel/errors.ts'
import { type RetryRules, mayRetry } from '../kernel/retry-options.ts'

/** `mayRetry`, where a rule of the user's that throws counts as no. Arguments that a schema refuses are refused the next time, too. */
export function retryVerdict(error: unknown, rules: RetryRules | undefined): boolean {
  try {
    return rules !== undefined && !(error instanceof InvalidArgumentsError) && mayRetry(error, rules)
  } catch {
    return false
  }
}
