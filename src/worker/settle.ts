import type { AttemptRef, Settlement } from '../backends/broker.ts'
import type { Outcome } from '../executors/executor.ts'
import type { Spent } from '../jobs/job.ts'
import { keptError } from '../jobs/kept-error.ts'
import { deathLimit, poisoned } from '../jobs/limits.ts'
import { type NamedRetryRules, allowsRetry } from '../jobs/retry.ts'
import { retryDelay } from '../kernel/retry-options.ts'
import { DeadlineExceededError, PayloadTooLargeError } from '../kernel/errors.ts'
import { type PortableError, toPortable } from '../wire/portable-error.ts'

/** The largest result that is kept, in bytes: what a broker refuses would hold up all that is settled with it. */
const resultLimit = 2 ** 26

/** How long a job rests that this worker cannot run, in milliseconds, and how often. */
const deferral = { first: 5_000, longest: 600_000, times: 20 }

/** How long a suspect that ended its child process rests before it is tried again, in milliseconds. */
const suspectPause = 1_000

/** What of an attempt decides how its outcome is settled. */
export interface SettledAttempt extends AttemptRef {
  readonly task: string
  readonly attempt: number
  /** A worker died with it: see `Job.suspect`. */
  readonly suspect: boolean
  /** How often it ended the thread or process that ran it, before this attempt. */
  readonly deaths: number
  /** How often in a row it was handed back for later. */
  readonly deferrals: number
  readonly retry: NamedRetryRules
  /** The call brought retry rules of its own: they decide, in place of the task's. */
  readonly ownRetry: boolean
}

/**
 * What an outcome means for the job: pure.
 *
 * @param random from 0 to 1, for the jitter of a retry
 */
export function settlementOf(attempt: SettledAttempt, outcome: Outcome, random: number): Settlement {
  return bounded(decided(attempt, outcome, random))
}

/** With no more of its error than is kept. */
export function bounded(settlement: Settlement): Settlement {
  const { outcome } = settlement
  return 'error' in outcome ? { ...settlement, outcome: { ...outcome, error: keptError(outcome.error) } } : settlement
}

function decided(attempt: SettledAttempt, outcome: Outcome, random: number): Settlement {
  const { job, token } = attempt
  const failed = (error: PortableError, mayRetry: boolean, how: { spent?: Spent, died?: true } = {}): Settlement =>
    failure(attempt, mayRetry ? retryDelay(attempt.retry, attempt.attempt, random) : undefined, { error, ...how })
  switch (outcome.kind) {
    case 'returned':
      if ((outcome.value as Uint8Array).length > resultLimit) {
        return failed(toPortable(new PayloadTooLargeError(`The result of '${attempt.task}'`, (outcome.value as Uint8Array).length, resultLimit)), false, { spent: outcome.spent })
      }
      return { job, token, outcome: { event: 'succeed', result: outcome.value as Uint8Array, spent: outcome.spent } }
    case 'threw':
      if (outcome.error.code === requested) return failure(attempt, requestedDelay(outcome.error, attempt, random), { error: outcome.error, spent: outcome.spent })
      return failed(outcome.error, attempt.ownRetry && outcome.error.code !== 'INVALID_ARGUMENTS' ? allowsRetry(outcome.error, attempt.retry) : outcome.mayRetry, { spent: outcome.spent })
    case 'timedOut': {
      const error = toPortable(new DeadlineExceededError(`Attempt ${attempt.attempt} at '${attempt.task}'`))
      return failed(error, allowsRetry(error, attempt.retry))
    }
    case 'died': {
      const { error } = outcome
      const deaths = attempt.deaths + 1
      if (deaths >= deathLimit) return { job, token, outcome: { event: 'bury', error: poisoned(deaths, error), died: true } }
      if (attempt.suspect) return { job, token, outcome: { event: 'retry', delay: suspectPause * deaths, error, died: true } }
      return failed(error, allowsRetry(error, attempt.retry), { died: true })
    }
    case 'cancelled':
      return { job, token, outcome: { event: 'stop' } }
    case 'handedBack':
      // Where no thread or process starts, at once would be without end.
      return isStartFailure(outcome.error) ? deferred(attempt, outcome.error) : { job, token, outcome: { event: 'release' } }
  }
}

/** @param delay until the next attempt; undefined where there is none */
function failure({ job, token }: AttemptRef, delay: number | undefined, how: { error: PortableError, spent?: Spent, died?: true }): Settlement {
  return { job, token, outcome: delay === undefined ? { event: 'fail', ...how } : { event: 'retry', delay, ...how } }
}

/** The code of what `retry()` makes. */
const requested = 'RETRY_REQUESTED'

/** How long a job waits whose task asked to be tried again; undefined where its rules leave no more attempts. */
function requestedDelay({ fields }: PortableError, { retry, attempt }: SettledAttempt, random: number): number | undefined {
  if (retry.limit > 0 && attempt > retry.limit) return undefined
  const after = fields?.['after']
  return typeof after === 'number' && after >= 0 ? after : retryDelay({ ...retry, limit: attempt }, attempt, random)
}

function isStartFailure({ code }: PortableError): boolean {
  return code === 'THREAD_START_FAILED' || code === 'PROCESS_START_FAILED'
}

/**
 * What becomes of a job that this worker cannot run: it goes back uncharged, for later, since another worker, perhaps of a newer release, may.
 * It rests longer each time, and after so many times in a row (some two hours) it is dead.
 */
export function deferred({ job, token, deferrals }: Pick<SettledAttempt, 'job' | 'token' | 'deferrals'>, error: PortableError): Settlement {
  const { first, longest, times } = deferral
  return deferrals + 1 >= times
    ? { job, token, outcome: { event: 'bury', error } }
    : { job, token, outcome: { event: 'defer', delay: Math.min(longest, first * 2 ** deferrals), error } }
}
