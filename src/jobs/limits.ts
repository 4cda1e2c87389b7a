import type { PortableError } from '../wire/portable-error.ts'

/** So often may a job end the thread or process that runs it; then it is dead, whatever retries it has left. */
export const deathLimit = 3

/**
 * After this many workers died with a job in their hands it is dead. Only what kills workers though it runs alone in a child
 * comes so far: others are cleared by one attempt that comes to an end of its own.
 */
export const rescueLimit = 25

/** @param how the last death, as its error tells it */
export function poisoned(deaths: number, how: PortableError): PortableError {
  return {
    name: 'JobPoisonedError',
    code: 'JOB_POISONED',
    message: `This job ended its thread or process ${deaths} times, so it was set aside. The last time: ${how.message} Mend its task, then retry it.`,
    cause: { $error: how }
  }
}

export function workerLost(rescues: number): PortableError {
  return {
    name: 'WorkerLostError',
    code: 'WORKER_LOST',
    message: `${rescues} workers ended while they held this job, so it was set aside. See whether it ends its worker, then retry it.`
  }
}

export const expired: PortableError = {
  name: 'JobExpiredError',
  code: 'JOB_EXPIRED',
  message: 'No worker had started this job when it expired. Add workers, or give it more time.'
}
