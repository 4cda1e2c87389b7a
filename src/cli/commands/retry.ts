import type { RetryFilter } from '../../client/client.ts'
import { connect } from '../../client/connect.ts'
import { InvalidOptionError } from '../../kernel/errors.ts'
import { table, toJson } from '../output.ts'

export interface RetryCommandOptions {
  broker: string
  state?: RetryFilter['state']
  queue?: string
  task?: string
  json?: true
}

export async function retry(jobs: readonly string[], { broker, json, state, queue, task }: RetryCommandOptions): Promise<void> {
  if ((jobs.length > 0) === (state !== undefined)) {
    throw new InvalidOptionError('treadle retry', jobs.length > 0 ? 'both' : 'neither', 'either the ids of jobs, or --state for all that are failed, cancelled or dead')
  }
  await using client = await connect(broker)
  if (state !== undefined) {
    const retried = await client.retryAll({ state, ...(queue === undefined ? {} : { queue }), ...(task === undefined ? {} : { task }) })
    return console.log(json ? toJson({ retried }) : `${retried} jobs are ready again`)
  }
  const states: [string, string][] = []
  for (const job of jobs) states.push([job, await client.retry(job)])
  console.log(json ? toJson(Object.fromEntries(states)) : table(['job', 'is'], states))
}
