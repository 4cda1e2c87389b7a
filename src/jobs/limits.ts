import type { PortableError } from '../wire/portable-error.ts'

/** After this many workers died with a job in their hands it is dead: it may be what kills them. */
export const rescueLimit = 10

export function workerLost(rescues: number): PortableError {
  return {
    name: 'WorkerLostError',
    code: 'WORKER_LOST',
    message: `${rescues} workers ended while they held this job, so it was set aside. See whether it ends its process, then enqueue it again.`
  }
}

export const expired: PortableError = {
  name: 'JobExpiredError',
  code: 'JOB_EXPIRED',
  message: 'No worker had started this job when it expired. Add workers, or give it more time.'
}
