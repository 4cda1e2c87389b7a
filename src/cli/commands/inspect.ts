import { connect } from '../../client/connect.ts'
import type { JobState } from '../../jobs/states.ts'
import { formatDuration } from '../../kernel/duration.ts'
import { table, toJson } from '../output.ts'

export interface InspectCommandOptions {
  broker: string
  state?: JobState
  queue?: string
  task?: string
  limit: number
  after?: string
  json?: true
}

export async function inspect({ broker, json, state, queue, task, limit, after }: InspectCommandOptions): Promise<void> {
  await using client = await connect(broker)
  const jobs = await client.list({
    limit,
    ...(state === undefined ? {} : { state }),
    ...(queue === undefined ? {} : { queue }),
    ...(task === undefined ? {} : { task }),
    ...(after === undefined ? {} : { after })
  })
  // Results are left out: one may be a mebibyte. `treadle status JOB` shows it.
  if (json) return console.log(toJson(jobs.map((job) => ({ ...job, result: undefined }))))
  if (jobs.length === 0) return console.log('No such jobs.')
  console.log(table(['job', 'task', 'queue', 'state', 'attempts', 'took', 'error'], jobs.map((job) => [
    job.id, job.task, job.queue, job.state, job.attempt, job.spent ? formatDuration(job.spent.wall) : '–', job.error ? `${job.error.name}: ${job.error.message}`.split('\n')[0]!.slice(0, 60) : '–'
  ])))
  if (jobs.length === limit) console.log(`\nMore: treadle inspect --after ${jobs.at(-1)!.id}`)
}
