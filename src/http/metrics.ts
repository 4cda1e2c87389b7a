import type { BrokerStats } from '../backends/broker.ts'
import { loadOf } from '../backends/load.ts'
import type { Worker } from '../worker/worker.ts'

type Sample = readonly [labels: Readonly<Record<string, string>>, value: number]

/**
 * A worker and its broker in Prometheus' text format, version 0.0.4.
 *
 * Labels are names of queues, tasks and states: as many as the program has, never taken from arguments.
 */
export function metricsText(worker: Pick<Worker, 'active' | 'capacity' | 'tally' | 'health'>, { queues, workers, oldestReady }: BrokerStats): string {
  const tallies = [...worker.tally]
  const all = loadOf({ queues, workers })
  return [
    metric('treadle_jobs', 'gauge', 'Jobs by queue and state.', Object.entries(queues).flatMap(([queue, states]) =>
      Object.entries(states as unknown as Record<string, number>).map(([state, count]): Sample => [{ queue, state }, count]))),
    metric('treadle_oldest_ready_seconds', 'gauge', 'How long the oldest ready job has waited.', [[{}, oldestReady / 1_000]]),
    metric('treadle_workers', 'gauge', 'Workers with a lease.', [[{}, workers.length]]),
    metric('treadle_capacity', 'gauge', 'Attempts that all workers run at once, in the places where their tasks run.', [[{}, all.capacity]]),
    metric('treadle_load', 'gauge', 'Jobs that are ready or active, by capacity: above 1, jobs wait.', [[{}, all.load]]),
    metric('treadle_queue_load', 'gauge', 'The same of one queue, with the workers that serve it.', Object.entries(all.queues).map(([queue, { load }]): Sample => [{ queue }, load])),
    metric('treadle_worker_ready', 'gauge', 'Whether this worker takes jobs.', [[{}, worker.health().ready ? 1 : 0]]),
    metric('treadle_worker_active_attempts', 'gauge', "Attempts in this worker's hands.", [[{}, worker.active]]),
    metric('treadle_worker_capacity', 'gauge', 'Attempts that this worker runs at once, by place.', Array.from(worker.capacity, ([place, count]): Sample => [{ place }, count])),
    metric('treadle_attempts_total', 'counter', 'Attempts that ended on this worker.', tallies.flatMap(([task, { outcomes }]) =>
      Object.entries(outcomes).map(([outcome, count]): Sample => [{ task, outcome }, count]))),
    metric('treadle_attempt_wall_seconds_total', 'counter', 'Time that attempts took.', tallies.map(([task, { wallSeconds }]): Sample => [{ task }, wallSeconds])),
    metric('treadle_attempt_cpu_seconds_total', 'counter', 'Processor time that attempts took.', tallies.map(([task, { cpuSeconds }]): Sample => [{ task }, cpuSeconds]))
  ].join('')
}

function metric(name: string, type: 'gauge' | 'counter', help: string, samples: readonly Sample[]): string {
  const lines = samples.map(([labels, value]) => {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escape(text)}"`)
    return `${name}${pairs.length > 0 ? `{${pairs.join(',')}}` : ''} ${value}\n`
  })
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`
}

function escape(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
