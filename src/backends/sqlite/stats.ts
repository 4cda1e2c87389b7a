import { places } from '../../tasks/task.ts'
import type { BrokerStats, QueueStats } from '../broker.ts'
import { placeCodes } from './codes.ts'
import type { Statements } from './statements.ts'

/** A line of waiting jobs is looked at priority by priority, and no further than this many. */
const mostPriorities = 100

/** Reads counters, never the jobs: as quick with a million of them as with ten. */
export function readStats(sql: Statements, now: number): BrokerStats {
  const queues = new Map<string, QueueStats>()
  let oldest = now
  for (const [name, scheduled, ready, active, waiting, succeeded, failed, cancelled, dead] of sql.queues.all() as unknown as QueueRow[]) {
    queues.set(name, { scheduled, ready, active, waiting, succeeded, failed, cancelled, dead })
    if (ready > 0) oldest = Math.min(oldest, oldestReady(sql, name))
  }
  const workers = (sql.workers.all(now) as [string, number, number][])
    .map(([id, leaseUntil, active]) => ({ id, leaseLeft: leaseUntil - now, active }))
  return { queues: Object.fromEntries(queues), workers, oldestReady: now - oldest }
}

/** When the oldest ready job of a queue began to wait: among the first hundred of each priority. */
function oldestReady(sql: Statements, queue: string): number {
  let oldest = Infinity
  for (const place of places) {
    let above = Number.MAX_SAFE_INTEGER
    for (let looked = 0; looked < mostPriorities; looked++) {
      const [priority] = (sql.priorityBelow.get(queue, placeCodes[place], above) ?? []) as [number?]
      if (priority === undefined) break
      oldest = Math.min(oldest, sql.oldestOf.get(queue, placeCodes[place], priority)![0] as number)
      above = priority
    }
  }
  return oldest
}

type QueueRow = [
  name: string, scheduled: number, ready: number, active: number, waiting: number,
  succeeded: number, failed: number, cancelled: number, dead: number
]
