import type { JobFilter } from '../backends/store.ts'
import { type FinalState, type JobState, finalStates, jobStates } from '../jobs/states.ts'
import { type Duration, milliseconds } from '../kernel/duration.ts'
import { InvalidOptionError } from '../kernel/errors.ts'
import { checkOptions } from '../kernel/options.ts'

/** Which jobs to list. */
export type ListFilter = Partial<JobFilter>

/** Which jobs to retry. */
export type RetryFilter = Omit<JobFilter, 'limit' | 'after' | 'state'> & { readonly state: 'failed' | 'cancelled' | 'dead' }

/** Which jobs to cancel. */
export type CancelFilter = Omit<JobFilter, 'limit' | 'after' | 'state'> & { readonly state?: 'scheduled' | 'ready' | 'active' }

/** Which jobs to remove. */
export interface PurgeOptions {
  readonly states: readonly FinalState[]
  /** Default: all queues. */
  readonly queue?: string
  /** Default: whatever their tags. */
  readonly tag?: string
  /** Only those that ended at least so long ago. */
  readonly olderThan: Duration
}

const chosen = { state: true, queue: true, task: true, tag: true } as const
const listDefault = 100

/** @throws InvalidOptionError */
export function listFilter(filter: ListFilter): JobFilter {
  const { limit = listDefault, ...rest } = checkOptions('list()', filter, { ...chosen, limit: true, after: true })
  if (!Number.isInteger(limit) || limit < 1 || limit > 1_000) throw new InvalidOptionError('list(): limit', limit, 'a whole number from 1 to 1,000')
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)) as typeof rest
  checkWords('list()', given)
  if (given.state !== undefined) oneOf('list(): state', given.state, jobStates)
  return { ...given, limit }
}

/**
 * What would change many jobs is looked at more closely: there a key that is undefined is no key left out, but one whose value is missing.
 *
 * @throws InvalidOptionError
 */
export function cancelFilter(filter: CancelFilter): CancelFilter {
  checkDefined('cancelAll()', checkOptions('cancelAll()', filter, chosen))
  if (filter.state !== undefined) oneOf('cancelAll(): state', filter.state, ['scheduled', 'ready', 'active'])
  return { ...filter }
}

/** @throws InvalidOptionError, as for `cancelFilter` */
export function retryFilter(filter: RetryFilter): RetryFilter {
  checkDefined('retryAll()', checkOptions('retryAll()', filter, chosen))
  oneOf('retryAll(): state', filter.state, ['failed', 'cancelled', 'dead'])
  return { ...filter }
}

/** @throws InvalidOptionError, as for `cancelFilter` */
export function purgeFilter(options: PurgeOptions): Omit<PurgeOptions, 'olderThan'> & { readonly olderThan: number } {
  checkDefined('purge()', checkOptions('purge()', options, { states: true, queue: true, tag: true, olderThan: true }))
  const { states, olderThan } = options
  if (!Array.isArray(states) || states.length === 0) throw new InvalidOptionError('purge(): states', states, 'a list of states in which jobs end')
  for (const state of states) oneOf('purge(): states', state, finalStates)
  return { ...options, states: [...states], olderThan: milliseconds(olderThan, 'purge(): olderThan') }
}

function checkDefined(where: string, filter: object): void {
  for (const [key, value] of Object.entries(filter)) {
    if (value === undefined) throw new InvalidOptionError(`${where}: ${key}`, value, 'a value; leave it out for jobs of any')
  }
  checkWords(where, filter)
}

function checkWords(where: string, filter: { readonly queue?: string, readonly task?: string, readonly tag?: string, readonly after?: string }): void {
  for (const key of ['queue', 'task', 'tag', 'after'] as const) {
    const value: unknown = filter[key]
    if (value !== undefined && (typeof value !== 'string' || value === '')) throw new InvalidOptionError(`${where}: ${key}`, value, 'a text that is not empty')
  }
}

function oneOf(name: string, value: JobState, allowed: readonly JobState[]): void {
  if (!allowed.includes(value)) throw new InvalidOptionError(name, value, `one of: ${allowed.join(', ')}`)
}
