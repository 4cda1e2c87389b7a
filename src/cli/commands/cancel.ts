import { connect } from '../../client/connect.ts'
import type { CancelOutcome } from '../../client/job-handle.ts'
import { table, toJson } from '../output.ts'

export async function cancel(jobs: readonly string[], { broker, json }: { broker: string, json?: true }): Promise<void> {
  await using client = await connect(broker)
  const outcomes: [string, CancelOutcome][] = []
  for (const job of jobs) outcomes.push([job, await client.cancel(job)])
  console.log(json ? toJson(Object.fromEntries(outcomes)) : table(['job', 'is'], outcomes))
}
