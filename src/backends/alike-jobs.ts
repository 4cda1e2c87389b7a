import type { NewJob } from '../jobs/job.ts'

/** Whether a job is as another but for its id and its payload: then many are published as one. */
export function isAlike(job: NewJob, first: NewJob): boolean {
  return job.task === first.task && job.queue === first.queue && job.place === first.place && job.priority === first.priority && job.delay === first.delay && job.expires === first.expires
    && (job.tags === first.tags || (job.tags.length === first.tags.length && job.tags.every((tag, at) => tag === first.tags[at])))
}

/** Whether it has what few jobs have. */
export function isRare({ unique, links, key, cost }: NewJob): boolean {
  return unique !== undefined || links !== undefined || key !== undefined || cost !== undefined
}
