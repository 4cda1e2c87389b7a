import type { Client } from '../../client/client.ts'
import { systemClock } from '../../kernel/clock.ts'
import type { Progress } from './progress.ts'
import type { WorkerProcess, Workers } from './workers.ts'

/** A worker that was killed. */
export interface Killing {
  readonly pid: number
  /** How many jobs had ended by then. */
  readonly after: number
  /** How many attempts were in its hands. */
  readonly held: number
  /** The process that took its place. */
  readonly replacement: number
  /** From the kill until the new worker was ready, in milliseconds. */
  readonly replacedAfter: number
}

/** Kills the worker that has most to lose, with SIGKILL: it can say nothing, clean nothing up, hand nothing back. A new one takes its place. */
export async function killOne(workers: Workers, client: Client, ended: number, total: number, progress: Progress): Promise<Killing> {
  const victim = await busiest(workers, client)
  const began = systemClock.elapsed()
  await victim.kill('SIGKILL')
  const held = await heldBy(victim, client)
  progress.say(`  ✗ worker ${victim.pid} killed with SIGKILL after ${ended} of ${total} jobs; it held ${held} ${held === 1 ? 'job' : 'jobs'}`)
  const { pid } = await workers.start()
  const replacedAfter = systemClock.elapsed() - began
  progress.say(`  ✓ worker ${pid} took its place after ${Math.round(replacedAfter)} ms`)
  return { pid: victim.pid, after: ended, held, replacement: pid, replacedAfter }
}

async function busiest(workers: Workers, client: Client): Promise<WorkerProcess> {
  const jobs = await client.list({ state: 'active', limit: 1_000 })
  const held = (worker: WorkerProcess): number => jobs.filter((job) => job.worker === worker.id).length
  return [...workers.running].reduce((a, b) => held(b) > held(a) ? b : a)
}

async function heldBy(worker: WorkerProcess, client: Client): Promise<number> {
  return (await client.list({ state: 'active', limit: 1_000 })).filter((job) => job.worker === worker.id).length
}
