import { lines } from '../../jobs/job.ts'
import { type BrokerStats, type QueueStats, type WorkerInfo, unknownWorker } from '../broker.ts'
import { noJobs } from '../queue-counts.ts'
import { lineCodes } from './codes.ts'
import { jobsInInbox } from './inbox.ts'
import type { Statements } from './statements.ts'

/** A line of waiting jobs is looked at priority by priority, and no further than this many. */
const mostPriorities = 100

/** Reads counters, never the jobs that wait: as quick with a million of them as with ten. */
export function readStats(sql: Statements, now: number): BrokerStats {
  const queues = new Map<string, QueueStats>()
  let oldest = now
  for (const [name, scheduled, ready, active, waiting, succeeded, failed, cancelled, dead] of sql.queues.all() as unknown as QueueRow[]) {
    queues.set(name, { scheduled, ready, active, waiting, succeeded, failed, cancelled, dead })
    if (ready > 0) oldest = Math.min(oldest, oldestReady(sql, name))
  }
  for (const { job: { queue, createdAt } } of jobsInInbox(sql).values()) {
    const counts = queues.get(queue) ?? noJobs()
    queues.set(queue, { ...counts, ready: counts.ready + 1 })
    oldest = Math.min(oldest, createdAt)
  }
  const held = new Map<number, number>()
  for (const [worker] of sql.holders.all() as [number][]) held.set(worker, (held.get(worker) ?? 0) + 1)
  const workers = (sql.workers.all(now) as [number, string, number, string | null][])
    .map(([number, id, leaseUntil, info]) => ({ id, leaseLeft: leaseUntil - now, active: held.get(number) ?? 0, ...workerInfoOf(info) }))
  return { queues: Object.fromEntries(queues), workers, oldestReady: now - oldest }
}

/** What a worker said of itself. */
export function workerInfoOf(info: string | null): WorkerInfo {
  return info === null ? unknownWorker : JSON.parse(info) as WorkerInfo
}

/** When the oldest ready job of a queue began to wait: among the first hundred of each priority. */
function oldestReady(sql: Statements, queue: string): number {
  let oldest = Infinity
  for (const line of lines) {
    let above = Number.MIN_SAFE_INTEGER
    for (let looked = 0; looked < mostPriorities; looked++) {
      const [rank] = (sql.nextRank.get(queue, lineCodes[line], above) ?? []) as [number?]
      if (rank === undefined) break
      oldest = Math.min(oldest, sql.oldestOf.get(queue, lineCodes[line], rank)![0] as number)
      above = rank
    }
  }
  return oldest
}

type QueueRow = [
  name: string, scheduled: number, ready: number, active: number, waiting: number,
  succeeded: number, failed: number, cancelled: number, dead: number
]
