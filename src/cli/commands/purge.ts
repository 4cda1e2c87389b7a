import type { FinalState } from '../../jobs/states.ts'
import { type Duration, formatDuration } from '../../kernel/duration.ts'
import { withJobs } from '../broker.ts'
import { counted, toJson } from '../output.ts'

export interface PurgeCommandOptions {
  broker: string
  payloads?: string
  state: FinalState[]
  queue?: string
  tag?: string
  olderThan: Duration
  json?: true
}

export async function purge(options: PurgeCommandOptions): Promise<void> {
  const { json, state, queue, tag, olderThan } = options
  await withJobs(options, async (client) => {
    const purged = await client.purge({ states: state, olderThan, ...(queue === undefined ? {} : { queue }), ...(tag === undefined ? {} : { tag }) })
    console.log(json ? toJson({ purged }) : `${counted(purged, 'job', 'jobs')} removed (${state.join(', ')}, ended ${typeof olderThan === 'number' ? formatDuration(olderThan) : olderThan} ago or more)`)
  })
}
