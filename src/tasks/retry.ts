import { type Duration, milliseconds, waitable } from '../kernel/duration.ts'
import { RetryRequestedError } from '../kernel/errors.ts'
import { checkOptions } from '../kernel/options.ts'

export interface RetryRequest {
  /** How long the job waits until its next attempt, up to 1,000 years. Default: as the task's `retry` rules say. */
  after?: Duration
  /** Why: kept as the error's cause. */
  cause?: unknown
}

/**
 * What a task throws to be tried again, such as when it is told when to come back. It counts as an attempt, whatever `retry.on` and `retry.giveUpOn` say
 * of errors; a task whose rules have a `limit` fails once that is reached, one without may ask as often as it likes. For jobs: what
 * `run` calls is tried once.
 *
 * @throws InvalidOptionError where an option is not of its form
 *
 * @example
 * export const charge = task({ name: 'charge' }, async (url: string) => {
 *   const answer = await fetch(url, { method: 'POST' })
 *   if (answer.status === 429) throw retry({ after: Number(answer.headers.get('retry-after')) * 1_000 })
 * })
 */
export function retry(request: RetryRequest = {}): RetryRequestedError {
  const { after, cause } = checkOptions('retry()', request, { after: true, cause: true })
  return new RetryRequestedError(after === undefined ? undefined : waitable(milliseconds(after, 'after'), 'after'), cause === undefined ? undefined : { cause })
}
