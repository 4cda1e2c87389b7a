import type { BrokerStats } from './broker.ts'

/** How much there is to do for those who do it: a signal for autoscalers, beside `oldestReady`. */
export interface Load {
  /** Jobs that may start now. */
  readonly queued: number
  readonly active: number
  /** How many attempts live workers run at once, in the places where their tasks run. */
  readonly capacity: number
  /** `(queued + active) / capacity`: above 1, jobs wait. Where no worker lives, as if there were one that runs one. */
  readonly load: number
}

export interface QueuesLoad extends Load {
  /** The same of each queue, with the workers that serve it. */
  readonly queues: Readonly<Record<string, Load>>
}

export function loadOf({ queues, workers }: Pick<BrokerStats, 'queues' | 'workers'>): QueuesLoad {
  const capacityOf = (serving: BrokerStats['workers']): number => serving.reduce((sum, { capacity }) => sum + capacity, 0)
  const all = Object.entries(queues)
  const [queued, active] = [sumOf(all, 'ready'), sumOf(all, 'active')]
  return {
    ...shown(queued, active, capacityOf(workers)),
    queues: Object.fromEntries(all.map(([name, counts]) => [name, shown(counts.ready, counts.active, capacityOf(workers.filter((worker) => worker.queues.includes(name))))]))
  }
}

function sumOf(queues: readonly (readonly [string, BrokerStats['queues'][string]])[], state: 'ready' | 'active'): number {
  return queues.reduce((sum, [, counts]) => sum + counts[state], 0)
}

function shown(queued: number, active: number, capacity: number): Load {
  return { queued, active, capacity, load: (queued + active) / Math.max(1, capacity) }
}
