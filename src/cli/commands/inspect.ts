import type { JobState } from '../../jobs/states.ts'
import { formatDuration } from '../../kernel/duration.ts'
import { withJobs } from '../broker.ts'
import { type Chosen, filterOf } from '../filters.ts'
import { toJson } from '../output.ts'
import { table } from '../terminal/table.ts'
import { oneLine } from '../terminal/text.ts'

export interface InspectCommandOptions extends Chosen<JobState> {
  broker: string
  limit: number
  after?: string
  json?: true
}

export async function inspect(options: InspectCommandOptions): Promise<void> {
  const { json, limit, after } = options
  const jobs = await withJobs(options, (client) => client.list({ ...filterOf(options), limit, ...(after === undefined ? {} : { after }) }))
  // Results are left out: one may be a mebibyte. `treadle status JOB` shows it.
  if (json) return console.log(toJson(jobs.map((job) => ({ ...job, result: undefined }))))
  if (jobs.length === 0) return console.log('No such jobs.')
  const tagged = jobs.some(({ tags }) => tags.length > 0)
  console.log(table(['job', 'task', 'queue', 'state', 'attempts', 'took', ...tagged ? ['tags'] : [], 'error'], jobs.map((job) => [
    job.id, job.task, job.queue, job.state, job.attempt, job.spent ? formatDuration(job.spent.wall) : '–', ...tagged ? [job.tags.join(' ') || '–'] : [],
    job.error ? oneLine(`${job.error.name}: ${job.error.message}`).slice(0, 60) : '–'
  ]), process.stdout.isTTY ? { width: process.stdout.columns, kept: 4 } : {}))
  if (jobs.length === limit) console.log(`\nMore: treadle inspect --after ${jobs.at(-1)!.id}`)
}
