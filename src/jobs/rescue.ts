import { type Job, happen } from './job.ts'
import { rescueLimit, workerLost } from './limits.ts'
import { isFinal } from './states.ts'

/**
 * What becomes of an active job whose worker lost its lease: ready again, or set aside where it was rescued too often.
 *
 * @param announced the worker had said that it was about to end: then the job is no suspect
 */
export function rescue(job: Job, announced: boolean, now: number): Job {
  const rescued = happen(job, { event: 'rescue', announced }, now)
  return isFinal(rescued.state) || rescued.rescues < rescueLimit
    ? rescued
    : happen(rescued, { event: 'bury', error: workerLost(rescued.rescues) }, now)
}

/** Whether a job that has not started may no longer do so. */
export function hasExpired(job: Pick<Job, 'attempt' | 'expiresAt'>, now: number): boolean {
  return job.attempt === 0 && job.expiresAt <= now
}
