import { type Duration, milliseconds, waitable } from './duration.ts'
import { InvalidOptionError } from './errors.ts'
import { checkOptions } from './options.ts'

/** An error as a rule names it: its `name`, its `code`, or a function that looks at it. */
export type ErrorMatch = string | ((error: unknown) => boolean)

/** When a failed attempt is followed by another. */
export interface RetryOptions {
  /** How many attempts may follow the first. Default: 0. */
  limit?: number
  /** The wait before the first retry, up to 1,000 years. Default: `'1s'`. */
  initial?: Duration
  /** What each further wait is multiplied by. Default: 2. */
  factor?: number
  /** The longest wait, up to 1,000 years. Default: `'1h'`. */
  max?: Duration
  /** `'full'`: a random wait between 0 and the computed one, so that many failed jobs do not come back at once. Default: `'full'`. */
  jitter?: 'full' | 'none'
  /** Only these errors are tried again. Default: all. */
  on?: readonly ErrorMatch[]
  /** These errors are never tried again. Default: none. */
  giveUpOn?: readonly ErrorMatch[]
}

/** Retry options, checked, in milliseconds. */
export interface RetryRules {
  readonly limit: number
  readonly initial: number
  readonly factor: number
  readonly max: number
  readonly jitter: 'full' | 'none'
  readonly on: readonly ErrorMatch[] | undefined
  readonly giveUpOn: readonly ErrorMatch[]
}

/** What of the rules travels with a job: all but what they say of errors. */
export type RetryPolicy = Pick<RetryRules, 'limit' | 'initial' | 'factor' | 'max' | 'jitter'>

const retryDefaults: RetryRules = { limit: 0, initial: 1_000, factor: 2, max: 3_600_000, jitter: 'full', on: undefined, giveUpOn: [] }

const retryOptions = { limit: true, initial: true, factor: true, max: true, jitter: true, on: true, giveUpOn: true } as const

/**
 * @param base what the options leave as it is
 * @throws InvalidOptionError where an option is not of its form
 */
export function checkRetry(options: RetryOptions, base: RetryRules = retryDefaults): RetryRules {
  checkOptions('retry', options, retryOptions)
  const { limit, initial, factor, max, jitter, on, giveUpOn } = { ...base, ...options }
  if (!Number.isInteger(limit) || limit < 0) throw new InvalidOptionError('retry.limit', limit, 'a whole number, 0 or more')
  if (typeof factor !== 'number' || !(factor >= 1)) throw new InvalidOptionError('retry.factor', factor, 'a number, 1 or more')
  if (jitter !== 'full' && jitter !== 'none') throw new InvalidOptionError('retry.jitter', jitter, "'full' or 'none'")
  checkMatches('retry.on', on ?? [])
  checkMatches('retry.giveUpOn', giveUpOn)
  return {
    limit,
    initial: waitable(milliseconds(initial, 'retry.initial'), 'retry.initial'),
    factor,
    max: waitable(milliseconds(max, 'retry.max'), 'retry.max'),
    jitter,
    on,
    giveUpOn
  }
}

function checkMatches(name: string, matches: unknown): void {
  const isMatch = (match: unknown): boolean => typeof match === 'function' || (typeof match === 'string' && match !== '')
  if (!Array.isArray(matches) || !matches.every(isMatch)) throw new InvalidOptionError(name, matches, "a list of errors' names or codes, or of functions that look at one")
}

/** Whether the rules let an attempt that threw `error` be followed by another, were there one left. */
export function mayRetry(error: unknown, rules: Pick<RetryRules, 'on' | 'giveUpOn'>): boolean {
  const matches = (rule: ErrorMatch): boolean => {
    if (typeof rule === 'function') return rule(error)
    const { name, code } = error instanceof Error ? error as Error & { code?: unknown } : { name: undefined, code: undefined }
    return rule === name || rule === code || (error instanceof Error && rule === error.constructor.name)
  }
  return !rules.giveUpOn.some(matches) && (rules.on === undefined || rules.on.some(matches))
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
