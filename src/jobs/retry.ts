import type { PortableError } from '../wire/portable-error.ts'
import type { RetryPolicy } from '../kernel/retry-options.ts'

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
