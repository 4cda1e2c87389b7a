import { type Job, type NewJob, born } from './job.ts'
import { isFinal } from './states.ts'

/** What of the jobs of one queue there is to be one of. */
export interface UniqueRule {
  readonly key: string
  /** Milliseconds from its publishing for which a job holds its key though it has ended. */
  readonly window: number
  /** What becomes of a job whose key another holds; see `Admission`. */
  readonly taken: 'reject' | 'merge' | 'replace'
}

/**
 * What became of a job that was published:
 *
 * - `created`: it is kept.
 * - `rejected`: another holds its key, and it is not kept.
 * - `merged`: another holds its key and stands for both. If that has not begun, it has the higher priority, the earlier start and the later expiry of the two.
 * - `replaced`: another held its key, had not begun, and is now as this one: its arguments, its delay (counted anew) and all that it came with. Where it has
 *   begun, or ended, this one is created instead, and holds the key.
 */
export type Admission = 'created' | 'rejected' | 'merged' | 'replaced'

/** A key that is taken. */
export interface KeyHold {
  readonly job: string
  /** Until then the key is held though its job has ended, in milliseconds since the epoch of the backend's clock. */
  readonly until: number
}

/** @param holder the job that the hold names, where there still is one */
export function admissionOf({ taken }: UniqueRule, hold: KeyHold | undefined, holder: Job | undefined, now: number): Admission {
  if (!hold || !isHeld(hold, holder, now)) return 'created'
  if (taken === 'replace') return holder && hasNotBegun(holder) ? 'replaced' : 'created'
  return taken === 'merge' ? 'merged' : 'rejected'
}

function isHeld({ until }: KeyHold, holder: Job | undefined, now: number): boolean {
  return until > now || (holder !== undefined && !isFinal(holder.state))
}

export function hasNotBegun({ state, token }: Pick<Job, 'state' | 'token'>): boolean {
  return token === 0 && (state === 'ready' || state === 'scheduled')
}

/** The holder of a key, which has not begun, as another that came makes it. */
export function amended(holder: Job, by: NewJob, how: 'merged' | 'replaced', now: number): Job {
  if (how === 'replaced') return { ...born(by, now), id: holder.id, createdAt: holder.createdAt }
  const dueAt = Math.min(holder.dueAt, now + by.delay)
  return {
    ...holder, dueAt,
    priority: Math.max(holder.priority, by.priority),
    expiresAt: Math.max(holder.expiresAt, now + by.expires),
    state: holder.state === 'scheduled' && by.delay > 0 ? 'scheduled' : 'ready'
  }
}
