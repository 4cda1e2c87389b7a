import type { RetryFilter } from '../../client/job-filters.ts'
import { withJobs } from '../broker.ts'
import { UsageError } from '../errors.ts'
import { type Chosen, eachJob, filterOf, isChosen } from '../filters.ts'
import { counted, toJson } from '../output.ts'
import { table } from '../terminal/table.ts'

export interface RetryCommandOptions extends Chosen<RetryFilter['state']> {
  broker: string
  args?: string
  json?: true
}

export async function retry(jobs: readonly string[], options: RetryCommandOptions): Promise<void> {
  const { json, state, args: given } = options
  if ((jobs.length > 0) === isChosen(options)) {
    throw new UsageError('treadle retry takes either the ids of jobs, or --state, --tag, --queue or --task for all that match.')
  }
  if (given !== undefined && jobs.length !== 1) throw new UsageError('treadle retry --args takes the id of one job.')
  const args = given === undefined ? undefined : listOf(given)
  await withJobs(options, async (client) => {
    if (jobs.length === 0) {
      let retried = 0
      // What somebody cancelled stays so, unless that is asked for.
      for (const one of state === undefined ? ['failed', 'dead'] as const : [state]) retried += await client.retryAll({ ...filterOf(options), state: one })
      return console.log(json ? toJson({ retried }) : `${counted(retried, 'job is', 'jobs are')} ready again`)
    }
    const states = await eachJob(jobs, (job) => client.retry(job, args ? { args } : {}))
    console.log(json ? toJson(Object.fromEntries(states)) : table(['job', 'is'], states))
  })
}

function listOf(json: string): readonly unknown[] {
  try {
    const list: unknown = JSON.parse(json)
    if (Array.isArray(list)) return list
  } catch {
    // Said below.
  }
  throw new UsageError(`--args takes a list as JSON, such as '[1, "two"]', not ${json}`)
}
