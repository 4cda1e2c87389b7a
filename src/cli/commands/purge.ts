import { connect } from '../../client/connect.ts'
import type { FinalState } from '../../jobs/states.ts'
import type { Duration } from '../../kernel/duration.ts'
import { toJson } from '../output.ts'

export interface PurgeCommandOptions {
  broker: string
  state: FinalState[]
  queue?: string
  olderThan: Duration
  json?: true
}

export async function purge({ broker, json, state, queue, olderThan }: PurgeCommandOptions): Promise<void> {
  await using client = await connect(broker)
  const purged = await client.purge({ states: state, olderThan, ...(queue === undefined ? {} : { queue }) })
  console.log(json ? toJson({ purged }) : `${purged} jobs removed (${state.join(', ')}, ended ${olderThan} ago or more)`)
}
