import type { BrokerStats } from '../../backends/broker.ts'
import { connect } from '../../client/connect.ts'
import type { JobRecord } from '../../client/job-handle.ts'
import { jobStates } from '../../jobs/states.ts'
import { formatDuration } from '../../kernel/duration.ts'
import { table, toJson, toText } from '../output.ts'

export async function status(job: string | undefined, { broker, json }: { broker: string, json?: true }): Promise<void> {
  await using client = await connect(broker)
  if (job === undefined) {
    const stats = await client.stats()
    console.log(json ? toJson(stats) : shownStats(stats))
  } else {
    const read = await client.read(job)
    console.log(json ? toJson(read) : shownJob(read))
  }
}

function shownStats({ queues, workers, oldestReady }: BrokerStats): string {
  const names = Object.keys(queues)
  const parts = names.length === 0
    ? ['No jobs yet. Keep one with: treadle enqueue <task> [args...]']
    : [table(['queue', ...jobStates], names.map((name) => [name, ...jobStates.map((state) => queues[name]![state])]))]
  if (oldestReady > 0) parts.push(`The oldest ready job has waited ${formatDuration(oldestReady)}.`)
  parts.push(workers.length === 0
    ? 'No worker is running. Start one with: treadle worker --tasks <module>'
    : table(['worker', 'jobs', 'lease left'], workers.map(({ id, active, leaseLeft }) => [id, active, formatDuration(leaseLeft)])))
  return parts.join('\n\n')
}

function shownJob(job: JobRecord): string {
  const time = (at: number | undefined): string => at === undefined ? '–' : new Date(at).toISOString()
  return table(['job', job.id], [
    ['task', job.task],
    ['state', job.state],
    ['queue', job.queue],
    ['attempts', `${job.attempt} (${job.token} deliveries, ${job.rescues} rescues)`],
    ['created', time(job.createdAt)],
    ['due', time(job.dueAt)],
    ['ended', time(job.finishedAt)],
    ['took', job.spent ? `${formatDuration(job.spent.wall)}, of the processor ${formatDuration(job.spent.cpu)}` : '–'],
    ['error', job.error ? `${job.error.name}: ${job.error.message}` : '–'],
    ['result', job.state === 'succeeded' ? toText(job.result) : '–']
  ])
}
