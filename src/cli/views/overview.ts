import { styleText } from 'node:util'
import type { BrokerStats } from '../../backends/broker.ts'
import type { JobRecord } from '../../client/job-handle.ts'
import { finalStates, jobStates } from '../../jobs/states.ts'
import { loadOf } from '../../backends/load.ts'
import { formatDuration } from '../../kernel/duration.ts'
import { shownProgress } from '../terminal/bar.ts'
import { table } from '../terminal/table.ts'
import { widthOf } from '../terminal/text.ts'

export interface Overview {
  readonly stats: BrokerStats
  /** The first of those that run. */
  readonly active: readonly JobRecord[]
  /** Milliseconds since the epoch. */
  readonly now: number
  /** A line above all. */
  readonly title?: string
}

/** How many jobs stand where, which workers live, and what runs. */
export function overviewLines({ stats, active, now, title }: Overview, columns: number): string[] {
  const { queues, workers, oldestReady } = stats
  const parts = [
    ...title === undefined ? [] : [styleText('dim', title)],
    Object.keys(queues).length === 0 ? 'No jobs yet. Keep one with: treadle enqueue <task> [args...]' : queuesTable(queues, columns),
    ...oldestReady > 0 ? [`The oldest ready job has waited ${formatDuration(oldestReady)}.`] : [],
    workers.length === 0
      ? 'No worker is running. Start one with: treadle worker --tasks <module>'
      : table(['worker', 'jobs', 'at once', 'lease left'], workers.map(({ id, active: held, capacity, leaseLeft }) => [id, held, capacity, formatDuration(leaseLeft)]), { width: columns }),
    ...workers.length === 0 ? [] : [loadLine(stats)],
    ...active.length === 0 ? [] : [activeTable(active, now, columns)]
  ]
  return parts.join('\n\n').split('\n')
}

function loadLine(stats: BrokerStats): string {
  const { queued, active, capacity, load } = loadOf(stats)
  return `Load ${load.toFixed(2)}: ${queued} queued and ${active} active, of ${capacity} that run at once.`
}

/** Jobs that have ended so far, in all queues. */
export function endedIn({ queues }: BrokerStats): number {
  return Object.values(queues).reduce((sum, queue) => sum + finalStates.reduce((ended, state) => ended + queue[state], 0), 0)
}

function queuesTable(queues: BrokerStats['queues'], columns: number): string {
  const names = Object.keys(queues)
  const drawn = (states: typeof jobStates, width?: number): string =>
    table(['queue', ...states], names.map((name) => [name, ...states.map((state) => queues[name]![state])]), width === undefined ? {} : { width })
  const whole = drawn(jobStates)
  if (widthOf(whole.split('\n')[1]!) <= columns) return whole
  // Where not all fit, those go that say nothing.
  return drawn(jobStates.filter((state) => names.some((name) => queues[name]![state] > 0)), columns)
}

function activeTable(active: readonly JobRecord[], now: number, columns: number): string {
  const bar = columns >= 110 ? 20 : columns >= 60 ? 10 : 6
  const rows = active.map(({ id, task, attempt, startedAt = now, progress, cancelling }) => {
    const elapsed = Math.max(0, now - startedAt)
    return [task, id, attempt, formatDuration(elapsed), cancelling ? styleText('yellow', 'is being cancelled') : progress ? shownProgress(progress, elapsed, bar) : '–']
  })
  // In a narrow terminal how far it is says more than its id.
  const kept = columns >= 70 ? [0, 1, 2, 3, 4] : [0, 3, 4]
  const heading = ['active', 'job', 'attempt', 'for', 'progress']
  return table(kept.map((index) => heading[index]!), rows.map((row) => kept.map((index) => row[index]!)), { width: columns, kept: kept.length - 1 })
}
