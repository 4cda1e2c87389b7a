import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { JobRecord } from '../../client/job-handle.ts'
import type { JournalLine } from './journal.ts'
import type { Done } from './one-after-another.ts'
import type { StepRun } from './queue-run.ts'
import { encode } from '../../wire/codec.ts'
import { counted } from '../output.ts'

/** One task in the queue beside the same work one after another; times in milliseconds. */
export interface TaskRow {
  readonly task: string
  readonly jobs: number
  /** Where its attempts ran, as they say themselves. */
  readonly where: string
  readonly wall: number
  /** Of the accepted attempts, as the worker's executors measured it. */
  readonly cpu: number
  readonly stall: number
  readonly sequential: number
  readonly speedup: number
  /** Whether every result is byte for byte the same. */
  readonly equal: boolean
}

export function compare(runs: readonly StepRun[], done: readonly Done[], journal: readonly JournalLine[]): TaskRow[] {
  return runs.map(({ step, wall, stall, jobs }) => {
    const task = step.definition.name
    const own = done.filter((one) => one.task === task)
    const sequential = sum(own.map((one) => one.wall))
    return {
      task,
      jobs: jobs.length,
      where: whereRun(jobs, journal),
      wall,
      cpu: sum(jobs.map(({ spent }) => spent?.cpu ?? 0)),
      stall,
      sequential,
      speedup: sequential / wall,
      equal: own.length === jobs.length && jobs.every(({ result }, at) => result !== undefined && same(encode(result), own[at]!.result))
    }
  })
}

/** Whether two folders hold the same files, byte for byte. */
export function sameFiles(files: readonly string[], one: string, other: string): boolean {
  return files.every((file) => same(readFileSync(join(one, file)), readFileSync(join(other, file))))
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0)
}

function whereRun(jobs: readonly JobRecord[], journal: readonly JournalLine[]): string {
  const ids = new Set(jobs.map(({ id }) => id))
  const lines = journal.filter(({ job }) => ids.has(job))
  const workers = new Set(lines.map(({ pid }) => pid)).size
  const threads = new Set(lines.map(({ pid, thread }) => `${pid} ${thread}`)).size
  const what = jobs[0]?.place === 'loop' ? 'loop' : 'thread'
  return `${counted(threads, what)} of ${counted(workers, 'worker')}`
}

function same(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0
}
