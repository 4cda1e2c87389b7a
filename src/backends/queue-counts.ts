import { type JobState, jobStates } from '../jobs/states.ts'
import type { QueueStats } from './broker.ts'

/** How many jobs of each queue are in each state, kept as they move. */
export class QueueCounts {
  readonly #queues = new Map<string, Record<JobState, number>>()

  add(queue: string, state: JobState, more: number): void {
    let counts = this.#queues.get(queue)
    if (!counts) this.#queues.set(queue, counts = noJobs())
    counts[state] += more
  }

  of(queue: string): QueueStats {
    return this.#queues.get(queue) ?? noJobs()
  }

  all(): Record<string, QueueStats> {
    return Object.fromEntries([...this.#queues].map(([queue, counts]) => [queue, { ...counts }]))
  }

  /** What was added since the last call. */
  take(): Map<string, Record<JobState, number>> {
    const taken = new Map(this.#queues)
    this.#queues.clear()
    return taken
  }
}

export function noJobs(): Record<JobState, number> {
  return Object.fromEntries(jobStates.map((state) => [state, 0])) as Record<JobState, number>
}
